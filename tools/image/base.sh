# shellcheck shell=bash
# Builds base images without a Docker engine: a Debian release with its Python, from debootstrap, with the user of Airbyte's
# base image. Packages come from the sources configured for this machine's apt and pip. Source this file after store.sh. It
# sets `work`, a folder that is removed at the end, and `mounts`, for pip's settings. Needs root on a Debian machine.

if [ "$(id -u)" != 0 ]; then
  echo "Building images needs root, for debootstrap and chroot." >&2
  exit 1
fi
if ! type -P buildah >/dev/null || ! type -P debootstrap >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends buildah debootstrap >/dev/null
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$IMAGE_STORE"

# The name of a base image: `base_of RELEASE [PACKAGES]`. PACKAGES are further packages, separated by commas.
base_of() {
  echo "localhost/debian-python-$1${2:+-${2//,/-}}"
}

# Builds that image unless it exists: `make_base RELEASE [PACKAGES]`.
make_base() {
  local release=$1 packages=${2:-} mirror container suite
  if buildah inspect --type image "$(base_of "$@")" >/dev/null 2>&1; then return; fi
  echo "Building the base image: Debian $release with Python${packages:+ and $packages}" >&2
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  # shellcheck disable=SC2016  # apt's own variables
  mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' \
    | awk -v suite="$suite" '$1 == suite { print $2; exit }')
  debootstrap --variant=minbase --include="ca-certificates,python3,python3-venv${packages:+,$packages}" \
    "$release" "$work/base" "$mirror" \
    >"$work/debootstrap.log" 2>&1 || { tail -n 30 "$work/debootstrap.log" >&2; return 1; }
  rm -rf "$work"/base/var/cache/apt/* "$work"/base/var/lib/apt/lists/* "$work"/base/usr/share/{doc,man,locale}/*
  chroot "$work/base" useradd --uid 1000 --user-group --no-create-home airbyte
  container=$(buildah from scratch)
  buildah copy --quiet "$container" "$work/base" / >/dev/null
  buildah config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  buildah commit --quiet --rm "$container" "$(base_of "$@")" >/dev/null
  rm -rf "$work/base"
}

# Writes this machine's pip settings (files and environment) to one file, and mounts the paths in them.
mounts=()
pip_settings() {
  local pip_config=$work/pip.conf path
  echo "[global]" >"$pip_config"
  # Lines like global.cert='/etc/ssl/certs/ca.crt' and :env:.timeout='60'. In pip, the environment takes precedence.
  { python3 -m pip config list | grep -v '^:env:' || true; python3 -m pip config list | grep '^:env:' || true; } \
    | sed -nE "s/^[^=]*\.([a-z-]+)='(.*)'\$/\1 = \2/p" \
    | awk -F ' = ' '{ value[$1] = substr($0, length($1) + 4) } END { for (key in value) print key " = " value[key] }' \
    >>"$pip_config"
  mounts+=(--volume "$pip_config:/etc/pip.conf:ro")
  # An index in a folder links to files next to it.
  for path in $(sed 's/^[^=]*= //' "$pip_config" | tr ' ' '\n' | sed -nE 's#^file://(.+)/[^/]+/?$#\1#p; /^\//p' | sort -u); do
    if [ -e "$path" ]; then mounts+=(--volume "$(realpath "$path"):$path:ro"); fi
  done
}
