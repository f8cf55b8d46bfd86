{{- /* Where secrets are mounted, and what the configuration says of them. A Strimzi KafkaUser is named by its namespace and its deployment, and so is its Secret. */ -}}
{{- /* dict "root" $ "stage" STAGE */ -}}
{{- define "feedloop.kafkaUser" -}}
{{- printf "%s-%s" (include "feedloop.onKafka" .root) .stage -}}
{{- end }}

{{- define "feedloop.kafkaConfig" -}}
{{- $kafka := deepCopy (dig "kafka" dict .Values.config) -}}
{{- with .Values.kafka -}}
{{- $strimzi := eq .users.mode "strimzi" -}}
{{- $tls := dict -}}
{{- if .tls.existingSecret }}
{{- if .tls.caKey }}{{ $_ := set $tls "caFile" (printf "/etc/feedloop/kafka-tls/%s" .tls.caKey) }}{{ end -}}
{{- if .tls.certKey }}{{ $_ := merge $tls (dict "certFile" (printf "/etc/feedloop/kafka-tls/%s" .tls.certKey) "keyFile" (printf "/etc/feedloop/kafka-tls/%s" .tls.keyKey)) }}{{ end -}}
{{- end -}}
{{- if and $strimzi (eq .users.authentication "tls") -}}
{{- $_ := mergeOverwrite $tls (dict "certFile" "/etc/feedloop/kafka-user/user.crt" "keyFile" "/etc/feedloop/kafka-user/user.key") -}}
{{- end -}}
{{- if $tls }}{{ $_ := set $kafka "tls" $tls }}{{ end -}}
{{- if and $strimzi (eq .users.authentication "scram-sha-512") -}}
{{- $_ := set $kafka "sasl" (dict "mechanism" "scram-sha-512" "passwordFile" "/etc/feedloop/kafka-user/password") -}}
{{- else if and (eq .sasl.mechanism "oauthbearer") .sasl.oauth.tokenUrl -}}
{{- $oauth := dict "mechanism" "oauthbearer" "tokenUrl" .sasl.oauth.tokenUrl "clientId" .sasl.oauth.clientId "clientSecretFile" (printf "/etc/feedloop/kafka-sasl/%s" .sasl.passwordKey) -}}
{{- if .sasl.oauth.scope }}{{ $_ := set $oauth "scope" .sasl.oauth.scope }}{{ end -}}
{{- $_ := set $kafka "sasl" $oauth -}}
{{- else if eq .sasl.mechanism "oauthbearer" -}}
{{- $_ := set $kafka "sasl" (dict "mechanism" "oauthbearer" "tokenFile" (printf "/etc/feedloop/kafka-sasl/%s" .sasl.passwordKey)) -}}
{{- else if .sasl.mechanism -}}
{{- $_ := set $kafka "sasl" (dict "mechanism" .sasl.mechanism "passwordFile" (printf "/etc/feedloop/kafka-sasl/%s" .sasl.passwordKey)) -}}
{{- end -}}
{{- end -}}
{{ toYaml $kafka }}
{{- end }}

{{- /* Secrets of a pod: dict "root" $ "name" NAME_OF_ITS_KAFKA_USER; of one without that name none. A list under `mounts`. */ -}}
{{- define "feedloop.secretMounts" -}}
{{- $mounts := list -}}
{{- if .name }}
{{- with .root.Values -}}
{{- if .kafka.tls.existingSecret }}{{ $mounts = append $mounts (dict "volume" "kafka-tls" "secretName" .kafka.tls.existingSecret "mountPath" "/etc/feedloop/kafka-tls") }}{{ end -}}
{{- if eq .kafka.users.mode "strimzi" }}{{ $mounts = append $mounts (dict "volume" "kafka-user" "secretName" $.name "mountPath" "/etc/feedloop/kafka-user") }}
{{- else if .kafka.sasl.mechanism }}{{ $mounts = append $mounts (dict "volume" "kafka-sasl" "secretName" .kafka.sasl.existingSecret "mountPath" "/etc/feedloop/kafka-sasl") }}{{ end -}}
{{- if .registry.existingSecret }}{{ $mounts = append $mounts (dict "volume" "registry" "secretName" .registry.existingSecret "mountPath" "/etc/feedloop/registry") }}{{ end -}}
{{- if .callers.existingSecret }}{{ $mounts = append $mounts (dict "volume" "callers" "secretName" .callers.existingSecret "mountPath" "/etc/feedloop/callers") }}{{ end -}}
{{- if .operators.existingSecret }}{{ $mounts = append $mounts (dict "volume" "operators" "secretName" .operators.existingSecret "mountPath" "/etc/feedloop/operators") }}{{ end -}}
{{- range $index, $secret := .secrets }}{{ $mounts = append $mounts (merge (dict "volume" (printf "secret-%d" $index)) $secret) }}{{ end -}}
{{- end -}}
{{- end -}}
{{ dict "mounts" $mounts | toYaml }}
{{- end }}

{{- /* The user's name, which a shared configuration cannot hold: dict "root" $ "name" NAME_OF_ITS_KAFKA_USER */ -}}
{{- define "feedloop.kafkaUsername" -}}
{{- if .name }}
{{- with .root.Values.kafka -}}
{{- if and (eq .users.mode "strimzi") (eq .users.authentication "scram-sha-512") }}
- { name: KAFKA_USERNAME, value: {{ quote $.name }} }
{{- else if and .sasl.mechanism (ne .sasl.mechanism "oauthbearer") }}
- name: KAFKA_USERNAME
  valueFrom: { secretKeyRef: { name: {{ .sasl.existingSecret }}, key: {{ .sasl.usernameKey }} } }
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* What does not go together, said before anything is made. */ -}}
{{- define "feedloop.checkKafka" -}}
{{- with .Values.kafka -}}
{{- if and .sasl.mechanism (not .sasl.existingSecret) }}{{ fail "kafka.sasl.existingSecret: name the Secret that holds user and password" }}{{ end -}}
{{- if and .sasl.oauth.tokenUrl (not .sasl.oauth.clientId) }}{{ fail "kafka.sasl.oauth.clientId: whose secret kafka.sasl.existingSecret holds" }}{{ end -}}
{{- if and (eq .users.mode "strimzi") .sasl.mechanism }}{{ fail "kafka.users.mode strimzi: each service has a user of its own, so kafka.sasl is not for it" }}{{ end -}}
{{- if and (eq .users.mode "strimzi") (eq $.Values.topics.mode "job") }}{{ fail "topics.mode job: before the release is there, no KafkaUser is; with kafka.users.mode strimzi let Strimzi make the topics too" }}{{ end -}}
{{- if and .tls.certKey (not .tls.keyKey) }}{{ fail "kafka.tls.keyKey: the key of the certificate" }}{{ end -}}
{{- end -}}
{{- if and .Values.registry.existingSecret (not (dig "registry" "url" "" .Values.config)) }}{{ fail "registry.existingSecret: config.registry.url names no registry" }}{{ end -}}
{{- if and .Values.registry.passwordKey (not (dig "registry" "username" "" .Values.config)) }}{{ fail "registry.passwordKey: config.registry.username says whose it is" }}{{ end -}}
{{- end }}

{{- /* What KEDA needs to ask for the lag, as a service asks: metadata of a trigger, and the secrets of its TriggerAuthentication. */ -}}
{{- define "feedloop.kedaMetadata" -}}
{{- with .Values.kafka -}}
{{- $strimzi := eq .users.mode "strimzi" -}}
{{- if or .tls.existingSecret (dig "kafka" "ssl" false $.Values.config) (dig "kafka" "tls" false $.Values.config) (and $strimzi (eq .users.authentication "tls")) }}
tls: enable
{{- end }}
{{- if and $strimzi (eq .users.authentication "scram-sha-512") }}
sasl: scram_sha512
{{- else if .sasl.mechanism }}
sasl: {{ get (dict "plain" "plaintext" "scram-sha-256" "scram_sha256" "scram-sha-512" "scram_sha512" "oauthbearer" "oauthbearer") .sasl.mechanism }}
{{- end }}
{{- end }}
{{- end }}

{{- /* dict "root" $ "name" NAME_OF_ITS_KAFKA_USER */ -}}
{{- define "feedloop.kedaSecrets" -}}
{{- with .root.Values.kafka -}}
{{- $strimzi := eq .users.mode "strimzi" -}}
{{- if and $strimzi (eq .users.authentication "scram-sha-512") }}
- { parameter: password, name: {{ $.name }}, key: password }
{{- else if and .sasl.mechanism (ne .sasl.mechanism "oauthbearer") (not $strimzi) }}
- { parameter: username, name: {{ .sasl.existingSecret }}, key: {{ .sasl.usernameKey }} }
- { parameter: password, name: {{ .sasl.existingSecret }}, key: {{ .sasl.passwordKey }} }
{{- end }}
{{- if .tls.existingSecret }}
- { parameter: ca, name: {{ .tls.existingSecret }}, key: {{ .tls.caKey }} }
{{- end }}
{{- if and $strimzi (eq .users.authentication "tls") }}
- { parameter: cert, name: {{ $.name }}, key: user.crt }
- { parameter: key, name: {{ $.name }}, key: user.key }
{{- else if .tls.certKey }}
- { parameter: cert, name: {{ .tls.existingSecret }}, key: {{ .tls.certKey }} }
- { parameter: key, name: {{ .tls.existingSecret }}, key: {{ .tls.keyKey }} }
{{- end }}
{{- end }}
{{- end }}

{{- define "feedloop.registryConfig" -}}
{{- $registry := deepCopy (dig "registry" dict .Values.config) -}}
{{- with .Values.registry -}}
{{- if and .existingSecret .passwordKey }}{{ $_ := set $registry "passwordFile" (printf "/etc/feedloop/registry/%s" .passwordKey) }}{{ end -}}
{{- if and .existingSecret .tokenKey }}{{ $_ := set $registry "tokenFile" (printf "/etc/feedloop/registry/%s" .tokenKey) }}{{ end -}}
{{- if and .existingSecret .caKey }}{{ $_ := set $registry "tls" (dict "caFile" (printf "/etc/feedloop/registry/%s" .caKey)) }}{{ end -}}
{{- end -}}
{{ toYaml $registry }}
{{- end }}

{{- /* Who may come in at a door: dict "secret" (callers, operators) "folder" ITS_MOUNT */ -}}
{{- define "feedloop.doorConfig" -}}
{{- $door := dict -}}
{{- $folder := .folder -}}
{{- with .secret -}}
{{- if and .existingSecret .tokensKey }}{{ $_ := set $door "tokensFile" (printf "%s/%s" $folder .tokensKey) }}{{ end -}}
{{- if and .existingSecret .certKey -}}
{{- $tls := dict "certFile" (printf "%s/%s" $folder .certKey) "keyFile" (printf "%s/%s" $folder .keyKey) -}}
{{- if .clientCaKey }}{{ $_ := set $tls "clientCaFile" (printf "%s/%s" $folder .clientCaKey) }}{{ end -}}
{{- $_ := set $door "tls" $tls -}}
{{- end -}}
{{- end -}}
{{ toYaml $door }}
{{- end }}

{{- /* Whether a door, as it is configured, lets in only who shows something. */ -}}
{{- define "feedloop.doorAsks" -}}
{{- if or (dig "tokensFile" "" .) (dig "tls" "clientCaFile" "" .) }}yes{{ end -}}
{{- end }}

{{- /* Half of what guards a door would leave it open: dict "name" (callers, operators) "secret" ITS_VALUES "door" ITS_CONFIGURATION */ -}}
{{- define "feedloop.checkDoor" -}}
{{- $name := .name -}}
{{- with .secret -}}
{{- if and (or .tokensKey .certKey .keyKey .clientCaKey) (not .existingSecret) }}{{ fail (printf "%s.existingSecret: name the Secret that holds these keys" $name) }}{{ end -}}
{{- if and (or .keyKey .clientCaKey) (not .certKey) }}{{ fail (printf "%s.certKey: without it there is no HTTPS, and no caller shows a certificate" $name) }}{{ end -}}
{{- if and .certKey (not .keyKey) }}{{ fail (printf "%s.keyKey: the key of the certificate" $name) }}{{ end -}}
{{- end -}}
{{- if and .secret.existingSecret (not (include "feedloop.doorAsks" .door)) }}{{ fail (printf "%s: neither tokensKey nor clientCaKey, so everybody would come in" $name) }}{{ end -}}
{{- end }}
