#!/bin/sh
# Fetch, verify and unpack the dependencies of cmake/deps.lock into build/deps/src/<name>.
#
#   cmake/fetch-deps.sh            what is there and matches the lock stays; otherwise fetch, check, unpack
#   cmake/fetch-deps.sh --update   take what Debian offers today and rewrite the lock
#
# The sources come as Debian source packages from the mirror that this machine's apt already uses, through an apt
# configuration of our own below build/deps/apt: nothing on the machine changes and root isn't needed. apt verifies the
# archive's signature, this script the upstream archive against the lock, dpkg-source the parts against their .dsc.
set -eu

suite=trixie
root=$(cd "$(dirname "$0")/.." && pwd)
lock=$root/cmake/deps.lock
deps=$root/build/deps
archives=$deps/archives
log=$deps/fetch.log

fail() { # cause, remedy
  printf 'deps: error: %s\n      remedy: %s\n' "$1" "$2" >&2
  exit 1
}

fail_with_log() { # cause, remedy
  tail -n 15 "$log" >&2
  fail "$1" "$2"
}

lock_lines() { grep -v -e '^#' -e '^[[:space:]]*$' "$lock"; }

hash_of() { sha256sum "$1" | cut -d ' ' -f 1; }

is_ready() { # name, stamp text: unpacked from exactly this lock line?
  [ -f "$deps/src/$1.stamp" ] && [ "$(cat "$deps/src/$1.stamp")" = "$2" ] && [ -d "$deps/src/$1" ]
}

mirror() { # address of the mirror that serves this machine's own Debian release
  # shellcheck source=/dev/null
  codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  # shellcheck disable=SC2016 # apt-get's own placeholders
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(CODENAME)' 2>/dev/null |
    awk -v own="$codename" '$2 == own || $3 == own { print $1; exit }'
}

private_apt() { # command…: apt-get with our own sources list, lists and cache
  apt_command=$1
  shift
  "$apt_command" -q -o Dir::Etc::sourcelist="$deps/apt/sources.list" -o Dir::Etc::sourceparts=- \
    -o Dir::State::lists="$deps/apt/lists" -o Dir::Cache="$deps/apt/cache" \
    -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root "$@"
}

prepare_apt() {
  [ -z "${apt_is_ready:-}" ] || return 0
  command -v apt-get >/dev/null 2>&1 ||
    fail "this machine has no apt-get" "give cmake the sources: -DMBEDTLS_SOURCE_DIR=… -DCJSON_SOURCE_DIR=…"
  mirror_uri=$(mirror)
  [ -n "$mirror_uri" ] ||
    fail "apt knows no mirror of this machine's own Debian release" "run 'apt-get update' as root, then try again"
  mkdir -p "$deps/apt/lists/partial" "$deps/apt/cache/archives/partial"
  signed_by=
  for keyring in /usr/share/keyrings/debian-archive-keyring.pgp /usr/share/keyrings/debian-archive-keyring.gpg; do
    [ -f "$keyring" ] && signed_by="[signed-by=$keyring] "
  done
  printf 'deb-src %s%s %s main\n' "$signed_by" "$mirror_uri" "$suite" >"$deps/apt/sources.list"
  echo "deps: reading the list of source packages of Debian $suite"
  private_apt apt-get update >>"$log" 2>&1 ||
    fail_with_log "the list of source packages of Debian $suite could not be fetched" \
      "check the network and this machine's apt sources; the whole log is $log"
  apt_is_ready=yes
}

download() { # source package: its newest revision into build/deps/archives
  prepare_apt
  echo "deps: fetching the source package $1"
  (cd "$archives" && private_apt apt-get source --download-only --only-source "$1") >>"$log" 2>&1 ||
    fail_with_log "the source package $1 could not be fetched" "see $log; is the network up?"
}

newest_dsc() { # source package, optional upstream version
  find "$archives" -name "$1_${2:-}*.dsc" | sort -V | tail -n 1
}

upstream_archive_of() { # .dsc file: name of the upstream archive it lists
  grep -o "[^ ]*\.orig\.tar\.[a-z0-9]*$" "$1" | head -n 1
}

unpack() { # name, .dsc file, stamp text
  rm -rf "$deps/src/$1" "$deps/src/$1.stamp"
  mkdir -p "$deps/src"
  dpkg-source --no-copy -x "$2" "$deps/src/$1" >>"$log" 2>&1 ||
    fail_with_log "$2 could not be unpacked" "is the package dpkg-dev installed? The whole log is $log"
  printf '%s\n' "$3" >"$deps/src/$1.stamp"
}

install_one() { # name, version, source package, archive, SHA-256
  line="$1 $2 $3 $4 $5"
  if is_ready "$1" "$line"; then
    return 0
  fi
  if [ ! -f "$archives/$4" ] || [ -z "$(newest_dsc "$3" "$2")" ]; then
    download "$3"
  fi
  if [ ! -f "$archives/$4" ]; then
    dsc=$(newest_dsc "$3")
    found=$(upstream_archive_of "$dsc")
    fail "$1: expected $2 ($4, SHA-256 $5), but Debian $suite now has $found (SHA-256 $(hash_of "$archives/$found"))" \
      "read the upstream change log, then run './dev deps --update' and test"
  fi
  found=$(hash_of "$archives/$4")
  [ "$found" = "$5" ] ||
    fail "$1: $4 has SHA-256 $found, expected $5 (version $2): the archive was changed after the lock was written, or damaged" \
      "delete $archives and try again; if it stays so, find out why before you run './dev deps --update'"
  unpack "$1" "$(newest_dsc "$3" "$2")" "$line"
  echo "deps: $1 $2 is verified and unpacked"
}

update_one() { # name, version, source package: prints the new lock line
  download "$3" >&2
  dsc=$(newest_dsc "$3")
  archive=$(upstream_archive_of "$dsc")
  version=${archive#"$3"_}
  version=${version%.orig.tar.*}
  [ "$version" = "$2" ] || echo "deps: $1 moves from $2 to $version" >&2
  printf '%-8s %-12s %-8s %-28s %s\n' "$1" "$version" "$3" "$archive" "$(hash_of "$archives/$archive")"
}

update_lock() {
  rm -rf "$archives"
  mkdir -p "$archives"
  grep '^#' "$lock" >"$deps/lock.new"
  lock_lines | while read -r name version package archive hash; do
    update_one "$name" "$version" "$package" >>"$deps/lock.new"
  done
  mv "$deps/lock.new" "$lock"
}

mkdir -p "$archives"
: >"$log"
case "${1:-}" in
"") ;;
--update) update_lock ;;
*) fail "unknown option '$1'" "use no option, or --update" ;;
esac

lock_lines | while read -r name version package archive hash; do
  install_one "$name" "$version" "$package" "$archive" "$hash"
done
rm -rf "$deps/apt"
