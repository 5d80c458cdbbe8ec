#!/bin/sh
# Installs what Corridor needs into this clone. Called by make, once for each state of package-lock.json.
set -eu
cd "$(dirname "$0")/.."

stop() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

# The machine's own Node.js only runs npm; Corridor itself runs on the version that package.json pins.
command -v node >/dev/null 2>&1 || stop "Node.js 20 or newer is missing: install it from https://nodejs.org or your system's packages."
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || stop "Node.js $major is too old: install version 20 or newer from https://nodejs.org or your system's packages."
command -v npm >/dev/null 2>&1 || stop "npm is missing: it comes with Node.js from https://nodejs.org; on Debian, 'apt-get install npm'."

install_debian_package() {
  if [ "$(id -u)" -eq 0 ]; then
    as_root=""
  elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
  else
    return 1
  fi
  command -v apt-get >/dev/null 2>&1 || return 1
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086 # as_root is empty or two words, on purpose
  $as_root apt-get install -y -q --no-install-recommends "$1" >/dev/null 2>&1 ||
    { $as_root apt-get update -q >/dev/null 2>&1 && $as_root apt-get install -y -q --no-install-recommends "$1" >/dev/null 2>&1; }
}
# Optional: a program that some tests need, its Debian package, and what is skipped where it is missing. What only the
# administrator's path has counts as there.
while IFS='|' read -r program package skipped; do
  if [ -x "/usr/sbin/$program" ] || command -v "$program" >/dev/null 2>&1; then
    continue
  elif install_debian_package "$package" </dev/null; then
    echo "setup: installed the package $package"
  else
    echo "setup: $program is missing and could not be installed, so $skipped will be skipped: 'apt-get install $package'" >&2
  fi
done <<'END'
curl|curl|the test of the commands in docs/integrate.md
openssl|openssl|the comparison of certificates with OpenSSL's own verdict
redis-server|redis-server|the tests of jobs with a real Redis
strace|strace|the tests of what reaches the disk, and of disks that fail
nft|nftables|the tests of networks that lose packets
chromium|chromium|the tests of the pages in a real browser
ip|iproute2|the tests of networks that lose packets
END

echo 'setup: installing the pinned tools (about a minute, once)'
npm ci --loglevel=error --no-audit --no-fund || stop "'npm ci' failed: the reason is above. It needs the network, or a filled npm cache."

# The pinned Node.js arrives through an install script, which some npm configurations block.
pinned=$(node_modules/.bin/node --version 2>/dev/null || true)
case $pinned in
v2[4-9].* | v[3-9][0-9].*) ;;
*) stop "the pinned Node.js did not arrive (found '${pinned:-nothing}'): npm must be allowed to run install scripts; try 'npm config get ignore-scripts'." ;;
esac
PATH="$PWD/node_modules/.bin:$PATH" node -e 'new (require("better-sqlite3"))(":memory:").close()' ||
  stop "SQLite does not load on this machine: better-sqlite3 ships binaries for Linux (glibc and musl), macOS and Windows, x64 and arm64."
