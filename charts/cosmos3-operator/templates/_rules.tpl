{{- /* The operator's permissions: the one place that states them. docs/permissions.md says what each is for. */ -}}

{{- define "cosmos3-operator.rules.namespaced" -}}
- apiGroups: [serving.cosmos3.io]
  resources: [cosmosgenerators, cosmosreasoners]
  verbs: [get, list, watch]
- apiGroups: [serving.cosmos3.io]
  resources: [cosmosgenerators/status, cosmosreasoners/status]
  verbs: [patch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [configmaps, persistentvolumeclaims]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
{{- if .Values.podLogs }}
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
{{- end }}
- apiGroups: [""]
  resources: [events]
  verbs: [list]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{- define "cosmos3-operator.rules.clusterReads" -}}
- apiGroups: [""]
  resources: [nodes]
  verbs: [list]
{{- if .Values.watchNamespaces }}
- apiGroups: [""]
  resources: [pods]
  verbs: [list]
{{- else }}
- apiGroups: [apiextensions.k8s.io]
  resources: [customresourcedefinitions]
  verbs: [list, watch]
{{- end }}
{{- end }}

{{- define "cosmos3-operator.rules.lease" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "cosmos3-operator.fullname" . }}]
  verbs: [get, patch]
{{- end }}

{{- /* For people, who get them through roles of their own; the status is the operator's alone. */ -}}

{{- define "cosmos3-operator.rules.view" -}}
- apiGroups: [serving.cosmos3.io]
  resources: [cosmosgenerators, cosmosreasoners]
  verbs: [get, list, watch]
- apiGroups: [serving.cosmos3.io]
  resources: [cosmosgenerators/status, cosmosreasoners/status, cosmosgenerators/scale, cosmosreasoners/scale]
  verbs: [get]
{{- end }}

{{- define "cosmos3-operator.rules.edit" -}}
- apiGroups: [serving.cosmos3.io]
  resources: [cosmosgenerators, cosmosreasoners]
  verbs: [create, update, patch, delete, deletecollection]
- apiGroups: [serving.cosmos3.io]
  resources: [cosmosgenerators/scale, cosmosreasoners/scale]
  verbs: [update, patch]
{{- end }}
