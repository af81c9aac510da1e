# shellcheck shell=bash
# Image storage without a Docker engine: makes `buildah` use a store in this checkout.
IMAGE_STORE=${IMAGE_STORE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/.cache/image}

# The chroot isolation and the vfs driver need only root: no user namespaces, no overlay.
export BUILDAH_ISOLATION=chroot

buildah() {
  command buildah --root "$IMAGE_STORE/store" --runroot "$IMAGE_STORE/run" --storage-driver vfs "$@"
}
