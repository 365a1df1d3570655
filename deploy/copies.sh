#!/usr/bin/env bash
# Copies the rules and the dashboard to where kustomize and Helm can read them: neither
# takes in a file that is outside of its own folder. test/house says when a copy is stale.
set -euo pipefail
cd "$(dirname "$0")"

copies=kubernetes/components/rules-dashboard
mkdir -p helm/rowshift/files
cp prometheus/rules.yaml helm/rowshift/files/rules.yaml
cp grafana/rowshift.json helm/rowshift/files/rowshift.json
cp grafana/rowshift.json "$copies/rowshift.json"
{
  cat <<'HEAD'
# Made by deploy/copies.sh of deploy/prometheus/rules.yaml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: rowshift
  labels:
    app.kubernetes.io/name: rowshift
    app.kubernetes.io/instance: rowshift
spec:
HEAD
  sed 's/^\(.\)/  \1/' prometheus/rules.yaml
} >"$copies/prometheusrule.yaml"
