{{- define "cosmos3-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "cosmos3-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "cosmos3-operator.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "cosmos3-operator.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "cosmos3-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "cosmos3-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "cosmos3-operator.labels" -}}
{{ include "cosmos3-operator.selectorLabels" . }}
{{ include "cosmos3-operator.sharedLabels" . }}
{{- end }}

{{- /* Of a test pod: nothing that selects the operator's pods may find it. */ -}}
{{- define "cosmos3-operator.testLabels" -}}
app.kubernetes.io/name: {{ include "cosmos3-operator.testName" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{ include "cosmos3-operator.sharedLabels" . }}
{{- end }}

{{- /* Of the operator's pods: nothing that changes with the chart alone, so that such a change restarts nothing. */ -}}
{{- define "cosmos3-operator.podLabels" -}}
{{ include "cosmos3-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | replace "+" "_" | quote }}
{{- end }}

{{- define "cosmos3-operator.testName" -}}
{{- printf "%s-test" (include "cosmos3-operator.name" . | trunc 58 | trimSuffix "-") }}
{{- end }}

{{- define "cosmos3-operator.sharedLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | replace "+" "_" | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /*
Everything below `metadata:`. In: dict "top" $ "name" text, and where they are needed "namespace" text ("-"
for none), "labels" and "annotations" maps, "base" the helper of the labels that every such object has.
*/ -}}
{{- define "cosmos3-operator.metadata" -}}
name: {{ .name }}
{{- if ne (default "" .namespace) "-" }}
namespace: {{ default .top.Release.Namespace .namespace }}
{{- end }}
labels:
  {{- mergeOverwrite (include (default "cosmos3-operator.labels" .base) .top | fromYaml) (default (dict) .labels) | toYaml | nindent 2 }}
{{- with include "cosmos3-operator.annotations" . }}
annotations:
  {{- . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* The common annotations and an object's own, which go first; nothing if there are none. */ -}}
{{- define "cosmos3-operator.annotations" -}}
{{- with mergeOverwrite (dict) (default (dict) .top.Values.commonAnnotations) (default (dict) .annotations) }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{- define "cosmos3-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "cosmos3-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "cosmos3-operator.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry -}}
{{- with $registry }}{{ . }}/{{ end }}{{ .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ end }}
{{- end }}

{{- /* The address of docs/, or the folder's name where none is given. */ -}}
{{- define "cosmos3-operator.docs" -}}
{{- default "docs" .Values.monitoring.docsUrl }}
{{- end }}

{{- /* What every container of the operator's image has in common. */ -}}
{{- define "cosmos3-operator.container" -}}
image: {{ include "cosmos3-operator.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* What every pod of the operator's image has in common. */ -}}
{{- define "cosmos3-operator.pod" -}}
enableServiceLinks: false
{{- if not .Values.hostUsers }}
hostUsers: false
{{- end }}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
