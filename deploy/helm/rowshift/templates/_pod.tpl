{{- /* What the daemon's pod and the Jobs' have in common. */ -}}
{{- define "rowshift.podSpec" -}}
serviceAccountName: {{ include "rowshift.serviceAccount" . }}
automountServiceAccountToken: false
enableServiceLinks: false
# More than the 45 s that a stop gives to what was handed over.
terminationGracePeriodSeconds: 60
securityContext:
  {{- if kindIs "invalid" .Values.podSecurityContext }}{{/* reused values of an older release */}}
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
  {{- else }}
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
  {{- end }}
volumes:
  - name: config
    configMap:
      name: {{ include "rowshift.fullname" . }}
  - name: passwords # as files, which are read again at each connect
    secret:
      secretName: {{ default (include "rowshift.fullname" .) .Values.existingSecret }}
      defaultMode: 0440
  - name: ca # of the databases, if the system's do not vouch for them
    configMap:
      name: {{ default (printf "%s-ca" (include "rowshift.fullname" .)) .Values.caConfigMap }}
      optional: {{ not .Values.caConfigMap }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.initContainers }}
initContainers: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{- /*
How the daemon's pods are spread: as the values say, or a standby on another node if there is
one. Who leaves labelSelector out means these pods, whose labels the chart makes.
*/ -}}
{{- define "rowshift.spread" -}}
{{- $constraints := .Values.topologySpreadConstraints -}}
{{- if and (not $constraints) (gt (int .Values.replicas) 1) -}}
{{- $constraints = list (dict "maxSkew" 1 "topologyKey" "kubernetes.io/hostname" "whenUnsatisfiable" "ScheduleAnyway") -}}
{{- end -}}
{{- $labels := merge (dict "app.kubernetes.io/component" "daemon") (include "rowshift.selector" . | fromYaml) -}}
{{- with $constraints -}}
topologySpreadConstraints:
{{- range . }}
  - {{- hasKey . "labelSelector" | ternary . (merge (dict "labelSelector" (dict "matchLabels" $labels)) .) | toYaml | nindent 4 }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "rowshift.container" -}}
name: rowshift
image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
env:
  - name: ROWSHIFT_CONFIG # for `kubectl exec deploy/... -- /rowshift status` too
    value: /etc/rowshift/rowshift.yaml
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.awsSecret }}
envFrom:
  - secretRef:
      name: {{ . }}
{{- end }}
resources: {{ toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- if kindIs "invalid" .Values.securityContext }}{{/* reused values of an older release */}}
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
  {{- else }}
  {{- toYaml .Values.securityContext | nindent 2 }}
  {{- end }}
volumeMounts:
  - name: config
    mountPath: /etc/rowshift
    readOnly: true
  - name: passwords
    mountPath: /run/secrets/rowshift
    readOnly: true
  - name: ca
    mountPath: /etc/rowshift-ca
    readOnly: true
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- /*
A Job that runs one command; arguments: the root, the component, the backoff limit, args.
Its name is of all that its pod is made of, and of the config, since a Job's pod cannot be
changed once it is there: with another image the next upgrade would fail as long as the Job
is there, and with a mended config the one that has failed would never be run again.
*/ -}}
{{- define "rowshift.job" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $args := index . 3 | toJson -}}
{{- $pod := list $args (include "rowshift.podSpec" $root) (include "rowshift.container" $root) (toYaml $root.Values.config) | join "\n" | sha256sum | trunc 10 -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "rowshift.fullname" $root }}-{{ $component }}-{{ $pod }}
  labels:
    {{- include "rowshift.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ $component }}
spec:
  backoffLimit: {{ index . 2 }}
  ttlSecondsAfterFinished: 86400
  podFailurePolicy:
    rules:
      - action: FailJob # a bad config or command line does not get better
        onExitCodes:
          containerName: rowshift
          operator: In
          values: [2]
      - action: Ignore # the node went away, which is not our failure
        onPodConditions:
          - type: DisruptionTarget
            status: "True"
  template:
    metadata:
      labels:
        {{- include "rowshift.selector" $root | nindent 8 }}
        app.kubernetes.io/component: {{ $component }}
    spec:
      restartPolicy: Never
      {{- include "rowshift.podSpec" $root | nindent 6 }}
      containers:
        - args: {{ $args }}
          {{- include "rowshift.container" $root | nindent 10 }}
{{- end -}}
