{{/* Volumes of the pod, and where the exporter's container sees them. Whole folders are mounted:
the kubelet never renews single files (subPath). */}}

{{- define "gitlab-dora-exporter.volumes" -}}
{{- $own := include "gitlab-dora-exporter.fullname" . -}}
- name: config
  configMap:
    name: {{ $own }}
- name: tmp
  emptyDir: {{- toYaml .Values.tmpVolume | nindent 4 }}
{{- if include "gitlab-dora-exporter.hasToken" . }}
- name: gitlab
  secret:
    secretName: {{ default $own .Values.token.existingSecret }}
    defaultMode: 0440
    items:
      - key: {{ ternary .Values.token.key "gitlab-token" (not (empty .Values.token.existingSecret)) }}
        path: token
{{- end }}
{{- if include "gitlab-dora-exporter.hasWebhookSecret" . }}
- name: webhook
  secret:
    secretName: {{ default $own .Values.webhookSecret.existingSecret }}
    defaultMode: 0440
    items:
      - key: {{ ternary .Values.webhookSecret.key "webhook-secret" (not (empty .Values.webhookSecret.existingSecret)) }}
        path: secret
{{- end }}
{{- with .Values.caBundle }}
{{- if .existingConfigMap }}
- name: ca
  configMap:
    name: {{ .existingConfigMap }}
    items:
      - key: {{ .key }}
        path: ca.crt
{{- else if .existingSecret }}
- name: ca
  secret:
    secretName: {{ .existingSecret }}
    defaultMode: 0440
    items:
      - key: {{ .key }}
        path: ca.crt
{{- end }}
{{- end }}
{{- if include "gitlab-dora-exporter.hasWebConfig" . }}
- name: web
  secret:
    secretName: {{ default $own .Values.web.existingSecret }}
    defaultMode: 0440
    items:
      - key: {{ ternary .Values.web.key "web.yml" (not (empty .Values.web.existingSecret)) }}
        path: web.yml
{{- end }}
{{- with .Values.web.tlsSecret }}
- name: tls
  secret:
    secretName: {{ . }}
    defaultMode: 0440
{{- end }}
{{- if eq (include "gitlab-dora-exporter.store" .) "sqlite" }}
- name: data
  {{- if .Values.persistence.enabled }}
  persistentVolumeClaim:
    claimName: {{ include "gitlab-dora-exporter.claimName" . }}
  {{- else }}
  emptyDir: {}
  {{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "gitlab-dora-exporter.volumeMounts" -}}
{{- $folder := include "gitlab-dora-exporter.folder" . -}}
- name: config
  mountPath: {{ $folder }}/config
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- if include "gitlab-dora-exporter.hasToken" . }}
- name: gitlab
  mountPath: {{ $folder }}/gitlab
  readOnly: true
{{- end }}
{{- if include "gitlab-dora-exporter.hasWebhookSecret" . }}
- name: webhook
  mountPath: {{ $folder }}/webhook
  readOnly: true
{{- end }}
{{- if include "gitlab-dora-exporter.hasCaBundle" . }}
- name: ca
  mountPath: {{ $folder }}/ca
  readOnly: true
{{- end }}
{{- if include "gitlab-dora-exporter.hasWebConfig" . }}
- name: web
  mountPath: {{ $folder }}/web
  readOnly: true
{{- end }}
{{- if .Values.web.tlsSecret }}
- name: tls
  mountPath: {{ $folder }}/tls
  readOnly: true
{{- end }}
{{- if eq (include "gitlab-dora-exporter.store" .) "sqlite" }}
- name: data
  mountPath: /data
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}
