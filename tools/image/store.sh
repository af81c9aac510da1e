# shellcheck shell=bash
# Where images live without a Docker engine: `buildah` stands for buildah with a store of this checkout's own.
IMAGE_STORE=${IMAGE_STORE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/.cache/image}

# The chroot isolation and the vfs driver need root, and nothing else of the machine: no user namespaces, no overlay.
export BUILDAH_ISOLATION=chroot

buildah() {
  command buildah --root "$IMAGE_STORE/store" --runroot "$IMAGE_STORE/run" --storage-driver vfs "$@"
}
