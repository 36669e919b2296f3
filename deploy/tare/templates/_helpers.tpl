{{- define "tare.name" -}}
{{ printf "%s-tare" .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "tare.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}
