{{- /* Where replicas go. A soft rule, since a second operator on the same node is better than none. */ -}}
{{- define "cosmos3-operator.spread" -}}
{{- $selector := dict "matchLabels" (include "cosmos3-operator.selectorLabels" . | fromYaml) }}
{{- $found := list }}
{{- range .Values.topologySpreadConstraints }}
{{- $found = append $found (merge (dict) . (dict "labelSelector" $selector)) }}
{{- end }}
{{- if and (not $found) (gt (int .Values.replicas) 1) }}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
{{- /* The pods of the version before do not count: they are about to go. */}}
{{- $found = append $found (dict "maxSkew" 1 "topologyKey" . "whenUnsatisfiable" "ScheduleAnyway" "labelSelector" $selector "matchLabelKeys" (list "pod-template-hash")) }}
{{- end }}
{{- end }}
{{- with $found }}
{{- toYaml . }}
{{- end }}
{{- end }}
