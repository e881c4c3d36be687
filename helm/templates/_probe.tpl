{{/* One probe of the exporter's container: name, path and the chart's root are given. */}}

{{- define "gitlab-dora-exporter.probe" -}}
{{- $probe := get .root.Values .name -}}
{{- if $probe.enabled -}}
{{ .name }}:
  {{- if $probe.handler }}
  {{- toYaml $probe.handler | nindent 2 }}
  {{- else if include "gitlab-dora-exporter.authenticated" .root }}
  {{- /* The kubelet has no password. */}}
  tcpSocket:
    port: http
  {{- else }}
  httpGet:
    path: {{ .path }}
    port: http
    scheme: {{ include "gitlab-dora-exporter.scheme" .root | upper }}
  {{- end }}
  {{- omit $probe "enabled" "handler" | toYaml | nindent 2 }}
{{- end -}}
{{- end -}}
