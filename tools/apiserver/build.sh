#!/bin/sh
# Build kube-apiserver and etcd from source into a folder, for tests/integration/test_real_api_server.py:
#   tools/apiserver/build.sh FOLDER && KUBEBUILDER_ASSETS=FOLDER .venv/bin/pytest tests/integration/test_real_api_server.py
# It needs Go 1.24 or later and a Go module proxy, and takes some minutes. Go verifies its downloads by checksum.
set -eu
KUBERNETES=1.34.3
STAGING=0.34.3  # Kubernetes' own libraries, released beside it
ETCD=3.6.16

mkdir -p "${1:?where to: tools/apiserver/build.sh FOLDER}"
out=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GOFLAGS=-mod=mod

mkdir "$work/kubernetes" "$work/etcd"
cd "$work/kubernetes"
printf 'module apiserver\ngo 1.24\n' > go.mod
# Its go.mod takes them from folders of its own repository, which no other module can see.
for library in api apiextensions-apiserver apimachinery apiserver cli-runtime client-go cloud-provider \
    cluster-bootstrap code-generator component-base component-helpers controller-manager cri-api cri-client \
    csi-translation-lib dynamic-resource-allocation endpointslice externaljwt kms kube-aggregator \
    kube-controller-manager kube-proxy kube-scheduler kubectl kubelet metrics mount-utils pod-security-admission \
    sample-apiserver; do
    echo "replace k8s.io/$library => k8s.io/$library v$STAGING" >> go.mod
done
cat > main.go <<'GO'
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() { os.Exit(cli.Run(app.NewAPIServerCommand())) }
GO
go get "k8s.io/kubernetes@v$KUBERNETES"
go build -o "$out/kube-apiserver" .

cd "$work/etcd"
printf 'module etcd\ngo 1.24\n' > go.mod
go get "go.etcd.io/etcd/server/v3@v$ETCD"
go build -o "$out/etcd" go.etcd.io/etcd/server/v3
