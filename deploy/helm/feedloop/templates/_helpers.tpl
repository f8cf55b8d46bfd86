{{- define "feedloop.fullname" -}}
{{- if .Values.fullnameOverride }}{{ .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}{{ end -}}
{{- end -}}
{{- end }}

{{- define "feedloop.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "feedloop.labels" -}}
{{ include "feedloop.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "feedloop.image" -}}
{{- if .Values.image.digest }}{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else }}{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}{{ end -}}
{{- end }}

{{- /* What a Kafka that serves several namespaces knows the release by. The dot stands in no namespace, so no two releases share it. */ -}}
{{- define "feedloop.onKafka" -}}
{{- printf "%s.%s" .Release.Namespace (include "feedloop.fullname" .) -}}
{{- end }}

{{- /* Of topics and groups: that of the values, else the release's own. */ -}}
{{- define "feedloop.prefix" -}}
{{- dig "topics" "prefix" (printf "%s." (include "feedloop.onKafka" .)) .Values.config -}}
{{- end }}

{{- /* The configuration file, and what must be known about it here. Gateways are told where the chart's rankers are, unless the values name others. */ -}}
{{- define "feedloop.config" -}}
{{- if not (dig "kafka" "brokers" list .Values.config) }}{{ fail "config.kafka.brokers: name the bootstrap brokers of your Kafka" }}{{ end -}}
{{- include "feedloop.checkKafka" . -}}
{{- $root := . -}}
{{- $config := deepCopy .Values.config -}}
{{- $_ := set $config "topics" (mergeOverwrite (deepCopy (dig "topics" dict .Values.config)) (dict "prefix" (include "feedloop.prefix" .))) -}}
{{- $_ := set $config "kafka" (include "feedloop.kafkaConfig" . | fromYaml) -}}
{{- $registry := include "feedloop.registryConfig" . | fromYaml -}}
{{- if $registry }}{{ $_ := set $config "registry" $registry }}{{ end -}}
{{- $gateway := mergeOverwrite (include "feedloop.doorConfig" (dict "secret" .Values.callers "folder" "/etc/feedloop/callers") | fromYaml) (deepCopy (dig "gateway" dict .Values.config)) -}}
{{- $http := mergeOverwrite (include "feedloop.doorConfig" (dict "secret" .Values.operators "folder" "/etc/feedloop/operators") | fromYaml) (deepCopy (dig "http" dict .Values.config)) -}}
{{- include "feedloop.checkDoor" (dict "name" "callers" "secret" .Values.callers "door" $gateway) -}}
{{- include "feedloop.checkDoor" (dict "name" "operators" "secret" .Values.operators "door" $http) -}}
{{- if $http }}{{ $_ := set $config "http" $http }}{{ end -}}
{{- if not (hasKey $gateway "rankers") -}}
{{- range (include "feedloop.stages" . | fromYaml).stages -}}
{{- if .holdsUsers -}}
{{- $_ := set $gateway "rankers" (list (printf "%s://%s-%s:%s" (include "feedloop.scheme" $root) (include "feedloop.fullname" $root) .stage (include "feedloop.port" $root))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $gateway }}{{ $_ := set $config "gateway" $gateway }}{{ end -}}
{{ toYaml $config }}
{{- end }}

{{- define "feedloop.port" -}}
{{ dig "http" "port" 9464 .Values.config }}
{{- end }}

{{- /* Of the operator's door. */ -}}
{{- define "feedloop.scheme" -}}
{{ ternary "https" "http" (or (ne .Values.operators.certKey "") (hasKey (dig "http" dict .Values.config) "tls")) }}
{{- end }}

{{- define "feedloop.gatewayPort" -}}
{{ dig "gateway" "port" 8080 .Values.config }}
{{- end }}

{{- /* The stages that run, each with its values: the defaults, overridden key by key. A list under `stages`. */ -}}
{{- define "feedloop.stages" -}}
{{- $root := . -}}
{{- $running := list -}}
{{- range (.Files.Get "generated/stages.yaml" | fromYamlArray) -}}
{{- $own := default dict (get $root.Values.stages .stage) -}}
{{- $values := mergeOverwrite (deepCopy $root.Values.defaults) $own -}}
{{- if .single }}{{ $_ := set $values "replicas" (min 1 $values.replicas) }}{{ end -}}
{{- if and (dig "enabled" (not .optional) $own) (or (not .needsSources) (dig "sources" list $root.Values.config)) -}}
{{- $running = append $running (merge (dict "values" $values) .) -}}
{{- end -}}
{{- end -}}
{{ dict "stages" $running | toYaml }}
{{- end }}

{{- /* What every pod of ours has in common: dict "root" $ "name" NAME_OF_ACCOUNT_AND_CONFIG_MAP "user" NAME_OF_ITS_KAFKA_USER "state" FOLDER_OR_EMPTY */ -}}
{{- define "feedloop.pod" -}}
serviceAccountName: {{ .name }}
automountServiceAccountToken: false
# A Service called feedloop-http would set FEEDLOOP_HTTP_PORT, to a URL.
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
volumes:
  - { name: config, configMap: { name: {{ .name }} } }
  - { name: tmp, emptyDir: {} }
  {{- if .state }}
  - name: state
    {{- default (dict "emptyDir" dict) .root.Values.state.volume | toYaml | nindent 4 }}
  {{- end }}
  {{- range (include "feedloop.secretMounts" (dict "root" .root "name" .user) | fromYaml).mounts }}
  - { name: {{ .volume }}, secret: { secretName: {{ .secretName }}, defaultMode: 0440 } }
  {{- end }}
{{- end }}

{{- /* dict "root" $ "user" NAME_OF_ITS_KAFKA_USER "state" FOLDER_OR_EMPTY */ -}}
{{- define "feedloop.container" -}}
image: {{ include "feedloop.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- $username := include "feedloop.kafkaUsername" (dict "root" .root "name" .user) | trim }}
{{- if or $username .root.Values.env }}
env:
  {{- with $username }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with .root.Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
volumeMounts:
  - { name: config, mountPath: /etc/feedloop/config, readOnly: true }
  - { name: tmp, mountPath: /tmp }
  {{- with .state }}
  - { name: state, mountPath: {{ quote . }} }
  {{- end }}
  {{- range (include "feedloop.secretMounts" (dict "root" .root "name" .user) | fromYaml).mounts }}
  - { name: {{ .volume }}, mountPath: {{ quote .mountPath }}, readOnly: true }
  {{- end }}
{{- end }}

{{- /* The alert rules by the values: thresholds put in, what is disabled left out, runbooks linked. */ -}}
{{- define "feedloop.alerts" -}}
{{- $values := .Values.monitoring.prometheusRule -}}
{{- $text := .Files.Get "generated/rules.yaml" -}}
{{- range $name, $value := $values.thresholds -}}
{{- $text = replace (printf "__%s__" $name) (toString $value) $text -}}
{{- end -}}
{{- $selector := tpl $values.selector . -}}
{{- $groups := list -}}
{{- range (fromYaml $text).groups -}}
{{- $rules := list -}}
{{- range .rules -}}
{{- if not (has .alert $values.disabled) -}}
{{- if $values.runbookBase -}}
{{- $_ := set .annotations "runbook_url" (printf "%s/%s" (trimSuffix "/" $values.runbookBase) (base .annotations.runbook)) -}}
{{- end -}}
{{- if $selector -}}
{{- $_ := set . "expr" (replace "__selector__" $selector .expr) -}}
{{- else -}}
{{- $_ := set . "expr" (.expr | replace "__selector__," "" | replace "{__selector__}" "") -}}
{{- end -}}
{{- $rules = append $rules . -}}
{{- end -}}
{{- end -}}
{{- if $rules -}}
{{- $groups = append $groups (dict "name" .name "rules" $rules) -}}
{{- end -}}
{{- end -}}
{{ toYaml $groups }}
{{- end }}
