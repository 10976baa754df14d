#!/usr/bin/env bash
# ensure-docker.sh [PIDFILE]: sees to it that a Docker daemon answers.
#
# Does nothing when one does. Else, as root on Debian: installs docker.io if need be, starts dockerd, and writes its pid to PIDFILE
# (default /tmp/libkv-dockerd.pid), so that who called this can end it: kill "$(cat PIDFILE)".
set -euo pipefail
pidfile=${1:-/tmp/libkv-dockerd.pid}
log=/tmp/libkv-dockerd.log

answers() { docker info >/dev/null 2>&1; }

if answers; then echo 'docker: a daemon answers'; exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo 'docker: no daemon answers, and starting one takes root on Debian' >&2
  exit 3
fi
command -v dockerd >/dev/null || {
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends docker.io >/dev/null
}
# Left by a daemon that was killed: dockerd refuses to start as long as a process, be it a zombie, has the pid in there.
rm -f /var/run/docker.pid /var/run/docker/containerd/containerd.pid
setsid dockerd >"$log" 2>&1 </dev/null &
echo $! >"$pidfile"
for _ in $(seq 200); do
  if answers; then echo "docker: started, pid $(cat "$pidfile")"; exit 0; fi
  kill -0 "$(cat "$pidfile")" 2>/dev/null || break
  sleep 0.1
done
echo 'docker: dockerd did not come up:' >&2
tail -5 "$log" >&2
exit 4
