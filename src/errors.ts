/**
 * The one closed table of everything that can go wrong by name. Two kinds:
 * - `terminal`: trying again cannot help; the service stops with one line, or the record goes to the dead letters;
 * - `retryable`: the same call may succeed later; the caller backs off and tries again.
 * docs/errors.md is checked against this table.
 */

export type ErrorKind = 'terminal' | 'retryable'

export interface ErrorEntry {
  readonly kind: ErrorKind
  /** `record`: the record goes to the dead letters and the stage goes on. `service`: the call or the service ends. */
  readonly scope: 'record' | 'service'
  readonly meaning: string
  /** What the person who reads it should do. */
  readonly remedy: string
}

const record = (meaning: string, remedy: string): ErrorEntry => ({ kind: 'terminal', scope: 'record', meaning, remedy })
const terminal = (meaning: string, remedy: string): ErrorEntry => ({
  kind: 'terminal',
  scope: 'service',
  meaning,
  remedy,
})
const retryable = (meaning: string, remedy: string): ErrorEntry => ({
  kind: 'retryable',
  scope: 'service',
  meaning,
  remedy,
})

export const errorTable = {
  // configuration and command line
  CONFIG_INVALID: terminal('The configuration does not fit its schema.', 'Mend every line that the message lists.'),
  MAPPING_INVALID: terminal('A source or replay mapping does not fit its schema.', 'Mend every line that it lists.'),
  LETTERS_LEFT: terminal(
    'Some dead letters could not be put back.',
    'The lines printed before say which, and why each of them.',
  ),
  USAGE: terminal('The command line is off.', 'See `feedloop --help`.'),
  DATA_MISSING: terminal('A data file or folder is absent or not readable.', 'Check the path given with --data.'),
  SECRET_MISSING: retryable(
    'The file that holds a secret is absent, empty or not readable.',
    'Mount it, or mend its path in the configuration; a service goes on trying.',
  ),
  PORT_UNAVAILABLE: terminal(
    'A port (http.port or gateway.port, which the message says) cannot be opened.',
    'Another process has it: stop that one, or set another (0: any free one).',
  ),
  DEPENDENCY_MISSING: terminal('An optional package that this choice needs is not installed.', 'Install it by name.'),

  // log
  APPEND_UNCERTAIN: retryable('An append was not acknowledged; it may be stored or not.', 'The chain resolves it.'),
  LOG_UNAVAILABLE: retryable('The log does not answer.', 'Check the brokers; the service goes on trying.'),
  LOG_UNTRUSTED: terminal(
    'The TLS connection to a broker failed: its certificate is not trusted, or it does not trust ours.',
    'The message says why; mend kafka.tls, or the certificate.',
  ),
  LOG_LOGIN_REFUSED: terminal(
    'A broker refused the login.',
    'Check kafka.sasl: mechanism, user, and what its file holds; it is read again at the next start.',
  ),
  LOG_FORBIDDEN: terminal(
    'The brokers do not let this user do what the service must.',
    'Grant it the rights of its row in docs/security.md.',
  ),
  LOG_CORRUPT: terminal(
    'A segment file of the embedded log is damaged in the middle.',
    'Restore the folder, or remove it and start anew.',
  ),
  BATCH_TOO_LARGE: terminal('A batch exceeds max.message.bytes.', 'Raise it on the topic or lower step.maxBytes.'),
  TOPIC_UNKNOWN: terminal(
    'A topic does not exist.',
    'Run `feedloop topics apply`; a topic of `sources` is yours to make.',
  ),
  TOPIC_MISCONFIGURED: terminal(
    'A topic differs from what the pipeline needs.',
    'Mend what the lines list: `feedloop topics apply` makes what is missing and changes nothing that is there. Never add partitions.',
  ),
  OFFSET_OUT_OF_RANGE: terminal(
    'An offset is not (or no longer) stored.',
    'Retention is shorter than the lag, or the log lost data.',
  ),
  BUS_UNAVAILABLE: terminal(
    'No Kafka could be reached or started.',
    'Set KAFKA_BROKERS, start Docker, or install Java 17 and Maven.',
  ),

  // chain
  CHAIN_IDENTITY_LOST: terminal(
    'The log ends below a known position, or another batch stands there.',
    'The topic was re-created or lost acknowledged data: follow docs/recovery.md.',
  ),
  CHAIN_NO_ANCHOR: terminal(
    'No accepted batch can be found from where reading starts.',
    'Wait for the next step of the writer, else follow docs/recovery.md.',
  ),
  CHAIN_HEADER_INVALID: terminal(
    'A batch in a chained topic carries no valid fl-step header.',
    'Find out who else writes to the topic.',
  ),
  PARTITION_COUNT_CHANGED: terminal(
    'A topic has another partition count than the chain was written with.',
    'Follow docs/repartition.md.',
  ),

  // wire
  WIRE_UNKNOWN_FRAMING: record('The value is neither Confluent framing nor Avro single-object.', 'Mend the producer.'),
  WIRE_SCHEMA_UNKNOWN: record(
    'The schema id or fingerprint is not known.',
    'Register the schema, or set registry.url.',
  ),
  WIRE_DECODE_FAILED: record('The bytes do not decode under their schema.', 'Mend the producer.'),
  WIRE_UNSAFE_NUMBER: record('A long beyond 2^53, or a NaN or infinite double.', 'Mend the producer.'),
  REGISTRY_UNAVAILABLE: retryable(
    'The schema registry does not answer.',
    'Check registry.url; the service goes on trying.',
  ),
  REGISTRY_REFUSED: terminal(
    'The schema registry refused a schema, its compatibility setting or the caller.',
    "Read the registry's message; subjects of feedloop need FULL compatibility.",
  ),

  // local state
  STATE_WRITE_FAILED: terminal(
    'The local state in state.folder cannot be written: disk full, read-only or failing.',
    'Make room or mend the disk, then start again: nothing is lost, what was not written is folded from the topics.',
  ),
  STATE_IN_USE: terminal(
    'Another process has opened this state folder since.',
    'Give every process its own state.folder.',
  ),

  // records
  RECORD_INVALID: record('A record breaks a rule of its type; the message names the field.', 'Mend the producer.'),
  RECORD_UNREADABLE: record(
    'The value is not valid JSON, Avro or CloudEvents as the mapping says; or a batch of the log is damaged, or compressed in an unknown way.',
    'Mend the producer or mapping.',
  ),
  FIELD_MISSING: record('The mapping needs a field that the record lacks.', 'Mend the producer or mapping.'),
  FIELD_UNCONVERTIBLE: record(
    'A field cannot be converted to the type that the mapping asks for.',
    'Mend the producer or mapping.',
  ),
  TIME_IN_FUTURE: record(
    'The event time is further in the future than limits.futureSkewMs.',
    "Check the producer's clock and its unit.",
  ),
  WRONG_PARTITION: record(
    'The record is not in the partition that murmur2(user_id) gives.',
    'Write through intake, or with the Java partitioner.',
  ),
  ITEM_UNKNOWN: record('The item is not in the catalogue.', 'Publish the item first.'),
  PROPENSITY_INVALID: record(
    'A propensity outside (0, 1] (a first-draw one: outside [0, 1]).',
    'Mend the logger of the decisions.',
  ),
  REWARD_NOT_FINITE: record('A reward or value that is not a finite number.', 'Mend the producer.'),
  REWARD_TOO_LARGE: record(
    'A value is further from 0 than limits.maxValue.',
    'Mend the producer, or raise the limit where such values are real.',
  ),
  SLATE_HASH_MISMATCH: record(
    'The outcome echoes another slate than the one that was decided.',
    'The service showed a slate of a lost rival; quarantined.',
  ),
  OUTCOME_WRONG_USER: record(
    "The outcome names another user's decision; where that user is in another partition it is not found, and OUTCOME_ORPHAN once the correction window is over.",
    'Mend the producer.',
  ),
  OUTCOME_ITEM_NOT_IN_SLATE: record('The outcome names an item that its decision did not show.', 'Mend the producer.'),
  OUTCOME_BEFORE_DECISION: record(
    'The outcome happened before the decision that it names, by more than clocks may differ.',
    "Check the producer's clock; limits.futureSkewMs and backwardWindowMs say how much.",
  ),
  OUTCOME_ORPHAN: record(
    "The outcome came after the correction window of its decision, or its decision never came to its user's partition.",
    'Lengthen correctionWindowMs if it should have counted; else nothing: it is kept here.',
  ),
  OUTPUT_TOO_LARGE: record(
    'What the stage makes of the record, and of it alone, exceeds max.message.bytes of the output topic.',
    'Ask for fewer slots or candidates, or shorter ids and less context.',
  ),
  RECORD_CONTRADICTS: record('The same id came before with other content.', 'Ids must be unique.'),

  // features
  ENCODER_UNAVAILABLE: retryable('The encoder does not answer.', 'Items keep their old vector; see features.whenDown.'),
  ENCODER_REFUSED: record('The encoder refused an input for good.', 'Look at the text of the item.'),

  FEATURES_BEHIND: retryable(
    'A transition names a vector that the features reader has not read yet.',
    'The step is taken again when it has; a lasting one means that the features topic lost records.',
  ),

  // models
  MODEL_NOT_FINITE: terminal(
    'A model holds a NaN or an infinity.',
    'The gate refuses such a version and the last good one goes on serving; a learner whose own sums are so ends, rather than publish them.',
  ),
  MODEL_INCOMPATIBLE: terminal(
    'A checkpoint does not fit the configured algorithm or dimensions, or the order of `policies` was changed.',
    'Reset the policy or restore the configuration.',
  ),
  MODEL_TOO_FAR: terminal(
    'A version decides so unlike the serving one that the divergence exceeds gate.maxKl.',
    'The serving version stays until the new ones agree with each other for gate.holdMs; find out what the learner was fed, or raise gate.maxKl.',
  ),
  BACKEND_UNAVAILABLE: terminal('No TensorFlow.js backend loads.', 'Reinstall the packages.'),

  // exchange
  SAFETENSORS_INVALID: terminal(
    'A file of weights breaks the safetensors format, or holds element types that are not read here.',
    'Write it with the safetensors package, as float32, float64 or int32.',
  ),
  EPISODE_UNKNOWN: terminal(
    'There is no such episode of a served environment: it is over, or it made room for newer ones.',
    'Reset; raise --episodes where more are stepped at once.',
  ),

  // HTTP door
  HTTP_NOT_FOUND: terminal('There is no such path or method.', 'See /openapi.json.'),
  HTTP_UNAUTHENTICATED: terminal(
    'The call shows neither a token nor a certificate that is known here.',
    'Send `authorization: Bearer …` with a token of the tokensFile, or a certificate by an authority of tls.clientCaFile.',
  ),
  HTTP_RATE_LIMITED: retryable(
    'The caller calls more often than the rate of the door allows.',
    'Try again after Retry-After, more slowly.',
  ),
  HTTP_TIMEOUT: terminal(
    'The call was not sent whole in time.',
    'Send it faster, or raise headersMs or bodyMs of the door.',
  ),
  HTTP_HEADERS_TOO_LARGE: terminal('The head of the call is larger than 16 KiB.', 'Send fewer or shorter headers.'),
  HTTP_MALFORMED: terminal('What came is not HTTP.', 'Speak HTTP/1.1; over TLS where the door has a certificate.'),
  HTTP_MEDIA_TYPE: terminal('The body is not declared as JSON.', 'Send `content-type: application/json`.'),
  HTTP_BODY_TOO_LARGE: terminal(
    "The body is larger than gateway.maxBodyBytes; at the operator's door, than 1 KiB.",
    'Send less, or raise the bound.',
  ),
  HTTP_FAULT: terminal(
    'The gateway failed at a call in a way that it does not know.',
    'A bug: report what its log says.',
  ),
  USER_UNKNOWN: terminal(
    'Nothing is known of this user: no event, no profile, no decision with a slate.',
    'Nothing: a request for them is answered all the same, as for somebody new.',
  ),
  USER_ELSEWHERE: retryable(
    "No ranker that was asked holds the user's partition now.",
    'Try again after Retry-After: partitions change hands, and recover; where it lasts, name every ranker in gateway.rankers.',
  ),
  RANKER_ABSENT: retryable(
    "Requests wait on the user's partition, and nothing has been decided there for a while: no ranker holds it, or one is far behind.",
    'Start one (`feedloop run ranker`), or see what its /readyz waits for; then try again after Retry-After.',
  ),
  GATEWAY_FULL: retryable(
    'As many calls wait as gateway.maxWaiting allows.',
    'Try again after Retry-After; add gateways or rankers where it lasts.',
  ),
  GATEWAY_NOT_READY: retryable(
    'The gateway has not read the accepted decisions to their end yet, or is stopping.',
    'Try again after Retry-After, at another instance where there is one.',
  ),

  // audit
  BALANCE_BROKEN: terminal('The accounts do not add up.', 'The audit lists the ids; see docs/recovery.md.'),
  SIMULATION_FAULT: terminal('A simulated history ended wrongly.', 'Mend the code; the same seed is the same history.'),
  DEADLINE_EXCEEDED: retryable('Something did not happen in time.', 'The message says what was awaited.'),
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof errorTable

/** Every error that feedloop throws on purpose. `message` is `CODE: detail`. */
export class FeedloopError extends Error {
  readonly code: ErrorCode
  constructor(code: ErrorCode, detail: string, options?: { cause?: unknown }) {
    super(`${code}: ${detail}`, options)
    this.name = 'FeedloopError'
    this.code = code
  }
  get kind(): ErrorKind {
    return errorTable[this.code].kind
  }
}

export const isCode = (error: unknown, code: ErrorCode): boolean =>
  error instanceof FeedloopError && error.code === code
export const isRetryable = (error: unknown): boolean => error instanceof FeedloopError && error.kind === 'retryable'
