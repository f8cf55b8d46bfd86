/**
 * The Grafana dashboard: one panel a metric, in the order in which a decision flows. A metric without a place in `rows`
 * is shown in a last row.
 */
import { type MetricEntry, type MetricName, metricTable } from '../../src/metric-table.ts'

const rows: readonly (readonly [string, readonly MetricName[]])[] = [
  [
    'Is it well?',
    [
      'feedloop_tasks',
      'feedloop_recovery_progress',
      'feedloop_lag_records',
      'feedloop_dead_letters_total',
      'feedloop_freshness_seconds',
    ],
  ],
  [
    'Decisions',
    [
      'feedloop_decisions_total',
      'feedloop_decision_seconds',
      'feedloop_requests_duplicate_total',
      'feedloop_requests_unanswerable_total',
      'feedloop_requests_shed_total',
      'feedloop_shadow_slots_total',
      'feedloop_candidates_dropped_total',
      'feedloop_conditions_failed_total',
      'feedloop_retrieval_seconds',
      'feedloop_retrieval_behind_items',
      'feedloop_events_duplicate_total',
      'feedloop_model_created_timestamp_seconds',
      'feedloop_reward_sum_total',
    ],
  ],
  [
    'HTTP',
    [
      'feedloop_gateway_requests_total',
      'feedloop_gateway_request_seconds',
      'feedloop_gateway_waiting',
      'feedloop_gateway_answers_total',
      'feedloop_gateway_shed_total',
    ],
  ],
  [
    'Joining',
    [
      'feedloop_outcomes_total',
      'feedloop_outcomes_attributed_total',
      'feedloop_decisions_joined_total',
      'feedloop_transitions_total',
      'feedloop_open_joins',
      'feedloop_state_dropped_total',
    ],
  ],
  [
    'Learning',
    [
      'feedloop_learned_total',
      'feedloop_learner_refused_total',
      'feedloop_model_version',
      'feedloop_learner_update_seconds',
      'feedloop_learner_stat',
      'feedloop_models_refused_total',
      'feedloop_releases_total',
    ],
  ],
  [
    'Intake and features',
    ['feedloop_intake_records_total', 'feedloop_encoded_total', 'feedloop_encoder_seconds', 'feedloop_catalogue_items'],
  ],
  [
    'Log and chain',
    [
      'feedloop_records_consumed_total',
      'feedloop_records_produced_total',
      'feedloop_steps_total',
      'feedloop_step_seconds',
      'feedloop_chain_skipped_batches_total',
    ],
  ],
]

/** Gauges that do not add up over instances and partitions; all others do. */
const across: Partial<Record<MetricName, 'min' | 'max'>> = {
  feedloop_recovery_progress: 'min',
  feedloop_model_created_timestamp_seconds: 'max',
  feedloop_model_version: 'max',
  feedloop_learner_stat: 'max',
  feedloop_catalogue_items: 'max',
}
/** A loss may be. */
const mayBeNegative: readonly MetricName[] = ['feedloop_learner_stat']

const width = 8
const height = 8
const datasource = { type: 'prometheus', uid: '$datasource' }

export function dashboard() {
  return {
    uid: 'feedloop',
    title: 'feedloop',
    tags: ['feedloop'],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: '10s',
    time: { from: 'now-30m', to: 'now' },
    templating: { list: [{ name: 'datasource', type: 'datasource', query: 'prometheus' }] },
    panels: layOut(),
  }
}

function completeRows() {
  const placed = new Set(rows.flatMap(([, names]) => names))
  const others = (Object.keys(metricTable) as MetricName[]).filter(name => !placed.has(name))
  return others.length > 0 ? [...rows, ['More', others] as const] : rows
}

function layOut() {
  const panels: object[] = []
  let y = 0
  for (const [title, names] of completeRows()) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: 24, h: 1 },
      panels: [],
    })
    y += 1
    names.forEach((name, index) => {
      const gridPos = { x: (index % 3) * width, y: y + Math.floor(index / 3) * height, w: width, h: height }
      panels.push({ id: panels.length + 1, ...panel(name), gridPos })
    })
    y += Math.ceil(names.length / 3) * height
  }
  return panels
}

function panel(name: MetricName) {
  const entry: MetricEntry = metricTable[name]
  return {
    type: 'timeseries',
    title: entry.help.replace(/\.$/, ''),
    description: name,
    datasource,
    fieldConfig: {
      defaults: { unit: unit(entry), ...(!mayBeNegative.includes(name) && { min: 0 }), custom: { fillOpacity: 8 } },
      overrides: [],
    },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
    targets: targets(name, entry).map((target, index) => ({ refId: 'ABC'[index], datasource, ...target })),
  }
}

const unit = (entry: MetricEntry) => ({ counter: 'ops', histogram: 's', gauge: 'short' })[entry.type]

function targets(name: MetricName, entry: MetricEntry) {
  const labels = (entry.labels ?? []).filter(label => label !== 'partition')
  const legend = labels.map(label => `{{${label}}}`).join(' ') || name
  const by = (aggregate: string, ...more: string[]) => {
    const all = [...more, ...labels]
    return all.length > 0 ? `${aggregate} by (${all.join(', ')}) ` : `${aggregate} `
  }
  if (entry.type === 'counter') return [{ expr: `${by('sum')}(rate(${name}[$__rate_interval]))`, legendFormat: legend }]
  if (entry.type === 'gauge') return [{ expr: `${by(across[name] ?? 'sum')}(${name})`, legendFormat: legend }]
  return [0.5, 0.95, 0.99].map(q => ({
    expr: `histogram_quantile(${q}, ${by('sum', 'le')}(rate(${name}_bucket[$__rate_interval])))`,
    legendFormat: `p${q * 100} ${labels.map(label => `{{${label}}}`).join(' ')}`.trim(),
  }))
}
