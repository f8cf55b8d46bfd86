/** Kafka's client, the chain over it, and the processes. */
import { chosen, gauge, type Query, quantiles, type Row, rate, series } from './panel.ts'

/** Of prom-client, by instance. */
const ofProcess = (name: string, wrap = (selected: string) => selected): Query => [
  '{{instance}}',
  wrap(`${name}{${chosen}}`),
]

export const kafka: readonly Row[] = [
  [
    'Client',
    [
      series('Time of a request', 's', quantiles('feedloop_kafka_request_seconds', 'api')),
      series('Requests without answer', 'ops', [rate('feedloop_kafka_request_failures_total', 'api')]),
      series('Bytes received', 'bytes', [rate('feedloop_kafka_received_bytes_total', 'api')]),
      series('Assignments', 'ops', [rate('feedloop_rebalances_total', 'stage')]),
      series('Commits that failed', 'ops', [rate('feedloop_commit_failures_total', 'stage')]),
      series('Dead letters', 'ops', [rate('feedloop_dead_letters_total', 'stage, code')]),
    ],
  ],
  [
    'Lag',
    [
      series('Records', 'short', [gauge('sum', 'feedloop_lag_records', 'stage, topic')]),
      series('Seconds', 's', [gauge('max', 'feedloop_lag_seconds', 'stage, topic')]),
      series('Tasks', 'short', [gauge('sum', 'feedloop_tasks', 'stage, state')]),
    ],
  ],
  [
    'Chain',
    [
      series('Records consumed', 'ops', [rate('feedloop_records_consumed_total', 'stage, topic')]),
      series('Records produced', 'ops', [rate('feedloop_records_produced_total', 'stage, topic')]),
      series('Steps', 'ops', [rate('feedloop_steps_total', 'stage, result')]),
      series('Time of a step', 's', quantiles('feedloop_step_seconds', 'stage')),
      series("Rivals' batches skipped", 'ops', [rate('feedloop_chain_skipped_batches_total', 'stage, topic')]),
    ],
  ],
  [
    'Processes',
    [
      series('CPU', 'percentunit', [
        ofProcess('process_cpu_seconds_total', selected => `rate(${selected}[$__rate_interval])`),
      ]),
      series('Resident memory', 'bytes', [ofProcess('process_resident_memory_bytes')]),
      series('Delay of the event loop, p99', 's', [ofProcess('nodejs_eventloop_lag_p99_seconds')]),
    ],
  ],
]
