{{- /* What NOTES.txt says of monitoring, in one line. */ -}}
{{- define "cosmos3-operator.notes.monitoring" -}}
{{- $found := list }}
{{- range $key, $kind := dict "dashboards" "dashboards" "podMonitor" "PodMonitor" "prometheusRule" "PrometheusRules" "serviceMonitor" "ServiceMonitor" }}
{{- if get (get $.Values.monitoring $key) "enabled" }}
{{- $found = append $found $kind }}
{{- end }}
{{- end }}
{{- default "off; see the values below monitoring" (join ", " $found) }}
{{- end }}

{{- /* What is not wrong and may still surprise, each with the way out. */ -}}
{{- define "cosmos3-operator.notes.warnings" -}}
{{- $monitoring := .Values.monitoring }}
{{- if not (or .Values.global.imageRegistry .Values.image.registry) }}
WARNING: image.registry is empty, so nodes ask the registry that they are set up to ask by default, which
does not have this image unless you put it there. Set image.registry.
{{- end }}
{{- if or $monitoring.serviceMonitor.enabled $monitoring.podMonitor.enabled $monitoring.prometheusRule.enabled }}
NOTE: ServiceMonitor, PodMonitor and PrometheusRule are kinds of the Prometheus operator; without its CRDs the
API server refuses them. Your Prometheus may select them by a label: set monitoring.*.labels.
{{- end }}
{{- if and (or $monitoring.prometheusRule.enabled $monitoring.dashboards.enabled) (not $monitoring.docsUrl) }}
NOTE: monitoring.docsUrl is empty, so alerts have no runbook_url and dashboards no links.
{{- end }}
{{- if and $monitoring.podMonitor.enabled (not (has "reasoner" $monitoring.prometheusRule.groups)) }}
NOTE: servers are scraped, and monitoring.prometheusRule.groups lacks "reasoner": the dashboard of serving stays
empty for them.
{{- end }}
{{- if and .Values.watchNamespaces (not .Values.rbac.clusterReads) }}
NOTE: the operator sees {{ join ", " .Values.watchNamespaces }} only. Free GPUs are not counted and lost nodes not told; to permit
listing nodes and pods of the whole cluster, set rbac.clusterReads=true.
{{- end }}
{{- if .Values.watchNamespaces }}
NOTE: CRDs and the roles of people are of the whole cluster: of several releases, let one have crds.enabled=true
and rbac.aggregate=true. No namespace may be served by two.
{{- end }}
{{- if not .Values.rbac.create }}
NOTE: rbac.create is false. What the account lacks: cosmos3-operator check, with a kubeconfig of that account.
{{- end }}
{{- if and .Values.networkPolicy.enabled (eq .Values.tracing "otlp") (not .Values.networkPolicy.extraEgress) }}
WARNING: tracing is otlp, and the NetworkPolicy lets nothing out to a collector. Set networkPolicy.extraEgress.
{{- end }}
{{- if eq (int .Values.replicas) 0 }}
WARNING: replicas is 0: nothing is served anew, repaired or reported until it is at least 1.
{{- end }}
{{- end }}
