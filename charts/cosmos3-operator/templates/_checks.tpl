{{- /*
What the schema cannot tell: values that contradict each other. Each message names the value, what is wrong
with it and the way out. The Deployment asks for this first.
*/ -}}

{{- define "cosmos3-operator.checks" -}}
{{- include "cosmos3-operator.checks.enabled" . }}
{{- include "cosmos3-operator.checks.digest" . }}
{{- include "cosmos3-operator.checks.serviceAccount" . }}
{{- include "cosmos3-operator.checks.labels" . }}
{{- include "cosmos3-operator.checks.update" . }}
{{- include "cosmos3-operator.checks.extraArgs" . }}
{{- include "cosmos3-operator.checks.monitoring" . }}
{{- end }}

{{- define "cosmos3-operator.checks.enabled" -}}
{{- if not .Values.enabled }}
{{- fail "enabled is false, which only a parent chart can act upon: name it as the condition of the dependency, or set it to true" }}
{{- end }}
{{- end }}

{{- define "cosmos3-operator.checks.digest" -}}
{{- with .Values.image.digest }}
{{- if not (regexMatch "^sha256:[a-f0-9]{64}$" .) }}
{{- fail (printf "image.digest is %q: it must be sha256: and 64 hexadecimal digits; leave it empty to go by image.tag" .) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "cosmos3-operator.checks.serviceAccount" -}}
{{- if not (or .Values.serviceAccount.create .Values.serviceAccount.name) }}
{{- fail "serviceAccount.create is false and serviceAccount.name is empty: the operator's permissions would go to the account \"default\", and so to every pod of the namespace; name an account, or have one made" }}
{{- end }}
{{- end }}

{{- define "cosmos3-operator.checks.labels" -}}
{{- $ours := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/version" "app.kubernetes.io/managed-by" "helm.sh/chart" }}
{{- range $name, $labels := dict "commonLabels" .Values.commonLabels "podLabels" .Values.podLabels "metrics.service.labels" .Values.metrics.service.labels }}
{{- range $key, $_ := $labels }}
{{- if has $key $ours }}
{{- fail (printf "%s has %q, which the chart sets itself: take another key" $name $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "cosmos3-operator.checks.update" -}}
{{- $update := .Values.strategy.rollingUpdate }}
{{- if and (eq .Values.strategy.type "RollingUpdate") (has (toString $update.maxSurge) (list "0" "0%")) (has (toString $update.maxUnavailable) (list "0" "0%")) }}
{{- fail "strategy.rollingUpdate.maxSurge and maxUnavailable are both 0: an update could never begin; let one of them be at least 1" }}
{{- end }}
{{- if has (toString .Values.podDisruptionBudget.maxUnavailable) (list "0" "0%") }}
{{- fail "podDisruptionBudget.maxUnavailable is 0: no node that runs the operator could ever be drained; set at least 1, or podDisruptionBudget.enabled=false" }}
{{- end }}
{{- end }}

{{- define "cosmos3-operator.checks.extraArgs" -}}
{{- $owned := include "cosmos3-operator.ownedArguments" . | fromYaml }}
{{- range .Values.extraArgs }}
{{- $flag := regexReplaceAll "=.*$" . "" }}
{{- with get $owned $flag }}
{{- fail (printf "extraArgs has %s: set %s instead, which permissions and probes follow" $flag .) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Each option of `run` that a value stands for. */ -}}
{{- define "cosmos3-operator.ownedArguments" -}}
--namespace: watchNamespaces
-n: watchNamespaces
--listen: listen.address and listen.port
--leader-elect: replicas (a leader is always elected)
--no-leader-elect: replicas (a leader is always elected)
--leader-elect-name: fullnameOverride
--leader-elect-namespace: the release's namespace
--leader-elect-seconds: leaderElection.leaseSeconds
--log-level: log.level
--log-format: log.format
--workers: workers
--resync-seconds: resyncSeconds
--pod-logs: podLogs
--no-pod-logs: podLogs
--preflight-image: preflight.image
--tracing: tracing
{{- end }}

{{- define "cosmos3-operator.checks.monitoring" -}}
{{- if and .Values.monitoring.serviceMonitor.enabled (not .Values.metrics.service.enabled) }}
{{- fail "monitoring.serviceMonitor.enabled is true and metrics.service.enabled is false: a ServiceMonitor finds a Service only; enable both" }}
{{- end }}
{{- end }}
