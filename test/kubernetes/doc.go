// Package kubernetes holds the tests of deploy/kubernetes and deploy/helm: that Kubernetes
// and the Prometheus operator accept every object which they render, that both render the
// same, that the pods may do no more than they need, and that the real binary runs on what
// a pod would give it. It has no code of its own. It is a module of its own, since its
// dependencies are large.
//
// No cluster takes part. Helm is run as a command, which `make deploy-test` installs.
package kubernetes
