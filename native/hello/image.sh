#!/bin/sh
# image.sh PROGRAM LAYOUT: put PROGRAM as /hello into an OCI image layout (image-spec image-layout.md), reproducibly.
set -eu
program=$1 layout=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/layout/blobs/sha256" "$work/root"
cp "$program" "$work/root/hello"
chmod 755 "$work/root/hello"

sha() { sha256sum "$1" | cut -d' ' -f1; }
size() { stat -c %s "$1"; }
blob() { mv "$1" "$work/layout/blobs/sha256/$2"; }

tar --format=ustar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$work/root" -cf "$work/layer.tar" hello
diff_id=$(sha "$work/layer.tar")
gzip -9n "$work/layer.tar"
layer=$(sha "$work/layer.tar.gz") layer_size=$(size "$work/layer.tar.gz")
blob "$work/layer.tar.gz" "$layer"

case $(uname -m) in aarch64) arch=arm64 ;; *) arch=amd64 ;; esac
printf '{"created":"1970-01-01T00:00:00Z","architecture":"%s","os":"linux","config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["/hello"],"WorkingDir":"/"},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]},"history":[{"created":"1970-01-01T00:00:00Z","created_by":"COPY hello / # native/hello"},{"created":"1970-01-01T00:00:00Z","created_by":"CMD [\\"/hello\\"]","empty_layer":true}]}' \
    "$arch" "$diff_id" >"$work/config"
config=$(sha "$work/config") config_size=$(size "$work/config")
blob "$work/config" "$config"

printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:%s","size":%s}]}' \
    "$config" "$config_size" "$layer" "$layer_size" >"$work/manifest"
manifest=$(sha "$work/manifest") manifest_size=$(size "$work/manifest")
blob "$work/manifest" "$manifest"

printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"latest"},"platform":{"architecture":"%s","os":"linux"}}]}' \
    "$manifest" "$manifest_size" "$arch" >"$work/layout/index.json"
printf '{"imageLayoutVersion":"1.0.0"}' >"$work/layout/oci-layout"
rm -rf "$layout"
mkdir -p "$(dirname "$layout")"
mv "$work/layout" "$layout"
