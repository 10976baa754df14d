#!/usr/bin/env bash
# debian-servers.sh [--fetch-only] [--refresh] [etcd] [consul] [zookeeper] [zookeeper-3.8] [java]
#
# Real servers on a machine that has no image registry, from Debian packages:
#   --fetch-only  unpacks them under the cache, for the 'process' runtime (needs neither Docker nor root; `java` is a JRE for
#                 ZooKeeper on a machine that has none, `zookeeper-3.8` an older ZooKeeper)
#   otherwise     makes the images localhost/libkv-test/{etcd,consul,zookeeper}:local (needs a Docker daemon that answers)
#   --refresh     asks the mirror for newer packages; else what the cache holds is used as it is, also without a network
#
# The system's own apt is left alone: lists and packages live under LIBKV_TEST_CACHE (default ~/.cache/libkv-test). Signatures
# are checked. The mirror is the one in /etc/apt, or LIBKV_TEST_DEBIAN_MIRROR.
set -euo pipefail

fetch_only='' refresh=''
while [[ ${1:-} == --* ]]; do
  case $1 in --fetch-only) fetch_only=1 ;; --refresh) refresh=1 ;; *) echo "unknown option $1" >&2; exit 64 ;; esac
  shift
done
[ $# -gt 0 ] || set -- etcd consul zookeeper
for tool in apt-get dpkg-deb tar; do
  command -v $tool >/dev/null || { echo "$tool is not here: this script needs Debian or a system made from it" >&2; exit 2; }
done

cache=${LIBKV_TEST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/libkv-test}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
arch=$(dpkg --print-architecture)
mkdir -p "$cache"
# Two test runs at once share one cache.
if command -v flock >/dev/null; then exec 9>"$cache/lock"; flock 9; fi

mirror() { # the first Debian mirror that the system's apt uses
  [ -n "${LIBKV_TEST_DEBIAN_MIRROR:-}" ] && { echo "$LIBKV_TEST_DEBIAN_MIRROR"; return; }
  cat /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list /etc/apt/sources.list 2>/dev/null |
    grep -v '^ *#' | grep -oE '(https?|file):[^ ]+/debian/?( |$)' | head -1 | tr -d ' ' || true
}

private_apt() { # private_apt SUITE ARGS…: apt-get with sources, lists and status of its own
  local suite=$1 dir=$cache/apt/$1; shift
  mkdir -p "$dir/lists/partial" "$dir/archives/partial"; : >"$dir/status"
  echo "deb [signed-by=$keyring] $(mirror) $suite main" >"$dir/sources.list"
  apt-get -qq -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o Dir::State="$dir" -o Dir::State::lists="$dir/lists" -o Dir::State::status="$dir/status" \
    -o Dir::Cache="$dir" -o Dir::Cache::archives="$dir/archives" -o APT::Sandbox::User=root -o Debug::NoLocking=true \
    -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false -o Acquire::Retries=2 "$@"
}

deb() { ls -t "$cache/debs/$1/${2}_"*.deb 2>/dev/null | head -1 || true; } # deb SUITE PACKAGE: the newest one in the cache

download() { # download SUITE PACKAGE…
  local suite=$1 package missing=(); shift
  for package in "$@"; do [ -z "$refresh" ] && [ -n "$(deb "$suite" "$package")" ] || missing+=("$package"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ -n "$(mirror)" ] || { echo 'no Debian mirror in /etc/apt: set LIBKV_TEST_DEBIAN_MIRROR' >&2; exit 2; }
  [ -r "$keyring" ] || { echo "no $keyring: install debian-archive-keyring" >&2; exit 2; }
  [ -z "$refresh" ] && [ -n "$(find "$cache/apt/$suite/lists" -maxdepth 1 -name '*Packages*' -mtime -1 2>/dev/null)" ] ||
    private_apt "$suite" update
  mkdir -p "$cache/debs/$suite"
  (cd "$cache/debs/$suite" && private_apt "$suite" download "${missing[@]}")
}

unpack() { # unpack SUITE ROOT PACKAGE…
  local suite=$1 root=$2 package; shift 2; mkdir -p "$root"
  for package in "$@"; do
    dpkg-deb --fsys-tarfile "$(deb "$suite" "$package")" | tar -x -C "$root" --keep-directory-symlink --no-same-owner \
      --exclude='./usr/share/doc' --exclude='./usr/share/man' --exclude='./usr/lib/*/gconv'
  done
}

version() { # version SUITE PACKAGE: 3.5.16 of 3.5.16-4+b8
  dpkg-deb -f "$(deb "$1" "$2")" Version | sed -E 's/^[0-9]+://; s/[-+~].*//'
}

# trixie has current etcd and ZooKeeper, and only bullseye has Consul (a Go binary, content with a newer libc). bookworm's JRE
# runs on bookworm and later; the images take trixie's, which needs the libc that they bring along.
base=(libc6 busybox-static)
etcd=(etcd-server)
consul=(consul)
zookeeper=(libzookeeper-java libslf4j-java libdropwizard-metrics-java libsnappy-java libnetty-java)
image_jre=(openjdk-21-jre-headless zlib1g libstdc++6 libgcc-s1)
java=(openjdk-17-jre-headless zlib1g libstdc++6 libgcc-s1)
zookeeper_38=("${zookeeper[@]}")

fetch() { # fetch NAME: the tree $cache/servers/NAME
  local tree=$cache/servers/$1 new=$cache/servers/$1.new suite=trixie target link
  case $1 in consul) suite=bullseye ;; java | zookeeper-3.8) suite=bookworm ;; esac
  local -n packages=$(tr -d . <<<"${1/-/_}")
  download "$suite" "${packages[@]}"
  rm -rf "$new"; unpack "$suite" "$new" "${packages[@]}"
  if [ "$1" = java ]; then # its settings are links into /etc, which is elsewhere here
    find "$new/usr/lib/jvm" -type l -lname '/etc/*' | while read -r link; do
      target=$(readlink "$link"); [ ! -e "$new$target" ] || ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$new$target")" "$link"
    done
    ln -sfn "lib/jvm/java-17-openjdk-$arch/bin/java" "$new/usr/java"
  fi
  version "$suite" "${packages[0]}" >"$new/version"
  rm -rf "$tree"; mv "$new" "$tree"; echo "fetched $1 $(cat "$tree/version")"
}

skeleton() { # skeleton ROOT: what a tree needs to be an image: busybox as shell, /lib links, passwd, mount points
  local root=$1 name
  mkdir -p "$root"/{etc,tmp,root,data,conf,usr/bin,usr/local/bin}; chmod 1777 "$root/tmp"
  for name in bin lib lib64; do [ -e "$root/$name" ] || [ ! -e "$root/usr/$name" ] || ln -s "usr/$name" "$root/$name"; done
  for name in sh cat ls sleep mkdir cp rm env id hostname grep ps kill; do ln -sf busybox "$root/usr/bin/$name"; done
  echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"; echo 'root:x:0:' >"$root/etc/group"
  echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
}

import_image() { # import_image ROOT NAME VERSION CHANGE…
  local root=$1 image=localhost/libkv-test/$2:local version=$3 change changes=() old; shift 3
  for change in "$@" 'ENV PATH=/usr/local/bin:/usr/bin:/bin' "LABEL org.libkv.test.version=$version"; do changes+=(--change "$change"); done
  old=$(docker image inspect -f '{{.Id}}' "$image" 2>/dev/null || true)
  tar -C "$root" --owner=0 --group=0 -c . | docker import "${changes[@]}" - "$image" >/dev/null
  [ -z "$old" ] || docker image rm "$old" >/dev/null 2>&1 || true
  echo "built $image ($version)"
}

etcd_image() {
  download trixie "${base[@]}" "${etcd[@]}"; unpack trixie "$1" "${base[@]}" "${etcd[@]}"; skeleton "$1"
  ln -sf /usr/bin/etcd "$1/usr/local/bin/etcd" # where the official image has it
  import_image "$1" etcd "$(version trixie etcd-server)" 'CMD ["/usr/local/bin/etcd"]'
}
consul_image() {
  download trixie "${base[@]}"; download bullseye "${consul[@]}"
  unpack trixie "$1" "${base[@]}"; unpack bullseye "$1" "${consul[@]}"; skeleton "$1"; mkdir -p "$1/consul/data"
  import_image "$1" consul "$(version bullseye consul)" 'ENTRYPOINT ["/usr/bin/consul"]' 'CMD ["agent", "-dev", "-client", "0.0.0.0"]'
}
zookeeper_image() {
  download trixie "${base[@]}" "${zookeeper[@]}" "${image_jre[@]}"
  unpack trixie "$1" "${base[@]}" "${zookeeper[@]}" "${image_jre[@]}"; skeleton "$1"
  ln -sf "/usr/lib/jvm/java-21-openjdk-$arch/bin/java" "$1/usr/bin/java"
  install -m 755 "$(dirname "$0")/zookeeper-entrypoint.sh" "$1/docker-entrypoint.sh"
  import_image "$1" zookeeper "$(version trixie libzookeeper-java)" 'ENTRYPOINT ["/docker-entrypoint.sh"]' \
    'CMD ["zkServer.sh", "start-foreground"]' 'ENV LANG=C.UTF-8'
}

for name in "$@"; do
  case $name in etcd | consul | zookeeper | zookeeper-3.8 | java) ;; *) echo "unknown server $name" >&2; exit 64 ;; esac
  if [ -n "$fetch_only" ]; then fetch "$name"; continue; fi
  case $name in java | zookeeper-3.8) continue ;; esac
  root=$(mktemp -d "$cache/image.XXXXXX"); trap 'rm -rf "$root"' EXIT
  "${name}_image" "$root"; rm -rf "$root"
done
