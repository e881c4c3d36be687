{{/* The exporter's configuration, and what the chart must know of it. */}}

{{- define "gitlab-dora-exporter.folder" -}}/etc/gitlab-dora-exporter{{- end -}}

{{- define "gitlab-dora-exporter.store" -}}
{{- if or .Values.postgresql.enabled (hasPrefix "postgresql" (dig "store" "url" "" .Values.config)) -}}
postgresql
{{- else -}}
sqlite
{{- end -}}
{{- end -}}

{{- define "gitlab-dora-exporter.postgresqlUrl" -}}
{{- with .Values.postgresql -}}
{{- $parameters := .parameters -}}
{{- $address := printf "%s:%d" .host (int .port) -}}
{{- if hasPrefix "/" .host -}}
{{- $parameters = merge (dict "host" .host "port" (toString (int .port))) $parameters -}}
{{- $address = "" -}}
{{- end -}}
postgresql+psycopg://{{ .username }}@{{ $address }}/{{ .database }}
{{- range $number, $key := keys $parameters | sortAlpha -}}
{{ ternary "&" "?" (gt $number 0) }}{{ $key }}={{ get $parameters $key | toString | urlquery }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "gitlab-dora-exporter.hasToken" -}}
{{- if or .Values.token.value .Values.token.existingSecret }}yes{{ end -}}
{{- end -}}

{{- define "gitlab-dora-exporter.hasWebhookSecret" -}}
{{- if or .Values.webhookSecret.value .Values.webhookSecret.existingSecret }}yes{{ end -}}
{{- end -}}

{{- define "gitlab-dora-exporter.hasCaBundle" -}}
{{- if or .Values.caBundle.existingConfigMap .Values.caBundle.existingSecret }}yes{{ end -}}
{{- end -}}

{{- define "gitlab-dora-exporter.config" -}}
{{- $folder := include "gitlab-dora-exporter.folder" . -}}
{{- $config := deepCopy .Values.config -}}
{{- $given := dict -}}
{{- if include "gitlab-dora-exporter.hasToken" . -}}
{{- $_ := set $given "gitlab" (dict "token_file" (printf "%s/gitlab/token" $folder)) -}}
{{- end -}}
{{- if include "gitlab-dora-exporter.hasCaBundle" . -}}
{{- $_ := set $given "gitlab" (merge (dict "ca_file" (printf "%s/ca/ca.crt" $folder)) (default dict $given.gitlab)) -}}
{{- end -}}
{{- if include "gitlab-dora-exporter.hasWebhookSecret" . -}}
{{- $_ := set $given "webhook" (dict "secret_file" (printf "%s/webhook/secret" $folder)) -}}
{{- end -}}
{{- if not .Values.postgresql.enabled -}}
{{- $_ := set $given "store" (dict "url" (dig "store" "url" "sqlite:////data/dora.db" $config)) -}}
{{- else if not .Values.postgresql.urlKey -}}
{{- $_ := set $given "store" (dict "url" (include "gitlab-dora-exporter.postgresqlUrl" .)) -}}
{{- end -}}
{{- mergeOverwrite $config $given | toYaml -}}
{{- end -}}

{{- define "gitlab-dora-exporter.hasWebConfig" -}}
{{- if or .Values.web.config .Values.web.existingSecret .Values.web.tlsSecret }}yes{{ end -}}
{{- end -}}

{{- define "gitlab-dora-exporter.webConfig" -}}
{{- $config := deepCopy .Values.web.config -}}
{{- if and .Values.web.tlsSecret (not $config.tls_server_config) -}}
{{- $folder := printf "%s/tls" (include "gitlab-dora-exporter.folder" .) -}}
{{- $_ := set $config "tls_server_config" (dict "cert_file" (printf "%s/tls.crt" $folder) "key_file" (printf "%s/tls.key" $folder)) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{- define "gitlab-dora-exporter.scheme" -}}
{{- $known := ternary "https" "http" (or (not (empty .Values.web.tlsSecret)) (hasKey .Values.web.config "tls_server_config")) -}}
{{- default $known .Values.web.scheme -}}
{{- end -}}

{{- define "gitlab-dora-exporter.authenticated" -}}
{{- $clients := dig "tls_server_config" "client_auth_type" "NoClientCert" .Values.web.config -}}
{{- if or .Values.web.authenticated .Values.web.config.basic_auth_users (hasPrefix "Require" $clients) }}yes{{ end -}}
{{- end -}}
