#!/bin/sh
# The part of the official ZooKeeper image's contract that the tests use: a complete /conf/zoo.cfg, ZOO_MY_ID for /data/myid, and
# JVMFLAGS.
set -e
[ -f /data/myid ] || echo "${ZOO_MY_ID:-1}" >/data/myid
[ -f /conf/zoo.cfg ] || { echo 'libkv-test/zookeeper: copy a zoo.cfg to /conf/zoo.cfg' >&2; exit 64; }
# zookeeper.jar comes last: its manifest has an absolute class path that would win over the jars named later.
classes=/conf
for jar in slf4j-api slf4j-simple metrics-core snappy-java netty-common netty-buffer netty-transport netty-handler netty-codec \
  netty-resolver netty-transport-native-epoll netty-transport-native-unix-common zookeeper-jute zookeeper; do
  classes=$classes:/usr/share/java/$jar.jar
done
[ "$1" = zkServer.sh ] || exec "$@"
# shellcheck disable=SC2086 # JVMFLAGS is a list
exec java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 $JVMFLAGS -cp "$classes" \
  org.apache.zookeeper.server.quorum.QuorumPeerMain /conf/zoo.cfg
