{{- define "gregaria.name" -}}
{{- printf "%s" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "gregaria.labels" -}}
app.kubernetes.io/name: gregaria
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "gregaria.selector" -}}
app.kubernetes.io/name: gregaria
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "gregaria.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{- define "gregaria.secretName" -}}
{{ .Values.cluster.existingSecret | default (include "gregaria.name" .) }}
{{- end -}}

{{- define "gregaria.configMapName" -}}
{{ .Values.test.existingConfigMap | default (printf "%s-test" (include "gregaria.name" .)) }}
{{- end -}}

{{/* What master and worker have in common: environment, mounts and how they may run. */}}
{{- define "gregaria.env" -}}
{{- if not .Values.cluster.insecure }}
- name: GREGARIA_CLUSTER_SECRET
  valueFrom:
    secretKeyRef:
      name: {{ include "gregaria.secretName" . }}
      key: secret
{{- end }}
{{- range $name, $value := .Values.test.env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}

{{- define "gregaria.container" -}}
image: {{ include "gregaria.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
env: {{- include "gregaria.env" . | nindent 2 }}
{{- with .Values.test.envFrom }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: test, mountPath: /mnt/locust, readOnly: true}
{{- end -}}

{{- define "gregaria.pod" -}}
automountServiceAccountToken: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  seccompProfile: {type: RuntimeDefault}
volumes:
  - name: test
    configMap:
      name: {{ include "gregaria.configMapName" . }}
{{- end -}}

{{- define "gregaria.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "gregaria.commonArgs" -}}
- "-f"
- {{ printf "/mnt/locust/%s" .Values.test.locustfile | quote }}
{{- with .Values.test.host }}
- "--host"
- {{ . | quote }}
{{- end }}
{{- range .Values.test.extraArgs }}
- {{ . | quote }}
{{- end }}
{{- end -}}
