{{- define "rowshift.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "rowshift.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "rowshift.labels" -}}
{{ include "rowshift.selector" . }}
{{- /* The image's, which is all that runs: a tag without its digest, as far as a label takes it. */}}
app.kubernetes.io/version: {{ regexReplaceAll "@.*$" .Values.image.tag "" | trunc 63 | trimAll "-_." | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "rowshift.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "rowshift.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "rowshift.port" -}}
{{- regexFind "[0-9]+$" (default ":9187" .Values.config.listen) -}}
{{- end -}}

{{- /* The port that a DSN names, or the second argument. */ -}}
{{- define "rowshift.dsnPort" -}}
{{- $dsn := regexReplaceAll "[?].*$" (index . 0) "" -}}
{{- default (index . 1) (regexFind ":[0-9]+/[^/]*$" $dsn | regexFind "[0-9]+") -}}
{{- end -}}
