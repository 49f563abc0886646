#!/bin/sh
# Entry point of the container in docker-compose.yml: copies the images to the registry, points the kubeconfig at the
# cluster's container instead of at itself, and serves.
set -eu
cp -an /opt/lectern/registry/. /var/lib/registry/
sed 's#https://127.0.0.1:6443#https://kubernetes:6443#' /kubeconfig/admin.yaml >/tmp/kubeconfig
export KUBECONFIG=/tmp/kubeconfig
exec lectern serve
