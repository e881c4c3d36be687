{{/* What the schema cannot refuse: values that contradict each other. */}}

{{- define "gitlab-dora-exporter.refusals" -}}
{{- $wrong := list -}}
{{- $gitlab := default dict .Values.config.gitlab -}}
{{- $webhook := default dict .Values.config.webhook -}}
{{- $sqlite := eq (include "gitlab-dora-exporter.store" .) "sqlite" -}}
{{- if not (or .Values.config.groups .Values.config.projects) -}}
{{- $wrong = append $wrong "config: nothing to poll is given; set config.groups or config.projects" -}}
{{- end -}}
{{- $tokens := compact (list .Values.token.value .Values.token.existingSecret $gitlab.token $gitlab.token_file) -}}
{{- if not $tokens -}}
{{- $wrong = append $wrong "token: no token is given; set token.existingSecret or token.value" -}}
{{- else if gt (len $tokens) 1 -}}
{{- $wrong = append $wrong "token: keep one of token.value, token.existingSecret, config.gitlab.token and config.gitlab.token_file" -}}
{{- end -}}
{{- if gt (len (compact (list .Values.webhookSecret.value .Values.webhookSecret.existingSecret $webhook.secret $webhook.secret_file))) 1 -}}
{{- $wrong = append $wrong "webhookSecret: keep one of webhookSecret.value, webhookSecret.existingSecret, config.webhook.secret and config.webhook.secret_file" -}}
{{- end -}}
{{- if gt (len (compact (list .Values.caBundle.existingConfigMap .Values.caBundle.existingSecret $gitlab.ca_file))) 1 -}}
{{- $wrong = append $wrong "caBundle: keep one of caBundle.existingConfigMap, caBundle.existingSecret and config.gitlab.ca_file" -}}
{{- end -}}
{{- with .Values.postgresql -}}
{{- if and .enabled (dig "store" "url" "" $.Values.config) -}}
{{- $wrong = append $wrong "postgresql: keep one of postgresql.enabled and config.store.url" -}}
{{- end -}}
{{- if and .enabled (not (or .host .urlKey)) -}}
{{- $wrong = append $wrong "postgresql.host: is missing; set it, or postgresql.existingSecret and postgresql.urlKey" -}}
{{- end -}}
{{- if and .enabled .host .urlKey -}}
{{- $wrong = append $wrong "postgresql: keep one of postgresql.host and postgresql.urlKey" -}}
{{- end -}}
{{- if and .urlKey (not .existingSecret) -}}
{{- $wrong = append $wrong "postgresql.existingSecret: is missing; postgresql.urlKey is a key of it" -}}
{{- end -}}
{{- if and .password .existingSecret -}}
{{- $wrong = append $wrong "postgresql: keep one of postgresql.password and postgresql.existingSecret" -}}
{{- end -}}
{{- end -}}
{{- if and $sqlite (gt (int .Values.replicaCount) 1) -}}
{{- $wrong = append $wrong (printf "replicaCount: %d pods cannot share a SQLite database; set it to 1, or use PostgreSQL (postgresql.enabled)" (int .Values.replicaCount)) -}}
{{- end -}}
{{- if and $sqlite (eq (default "Recreate" .Values.strategy.type) "RollingUpdate") -}}
{{- $wrong = append $wrong "strategy: RollingUpdate would let two pods share a SQLite database; leave it out, or use PostgreSQL (postgresql.enabled)" -}}
{{- end -}}
{{- if and .Values.web.config .Values.web.existingSecret -}}
{{- $wrong = append $wrong "web: keep one of web.config and web.existingSecret" -}}
{{- end -}}
{{- if $wrong -}}
{{- fail (printf "\n\n%s\n" (join "\n" $wrong)) -}}
{{- end -}}
{{- end -}}
