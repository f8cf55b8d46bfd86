/**
 * For each alert series under which it must fire, and like ones under which it must stay silent, a sample a minute, as promtool
 * writes them: `a+bxN`: N more samples, each `b` greater; `_xN`: none.
 */
export interface AlertCase {
  /** Without `Feedloop`. */
  readonly alert: string
  readonly title: string
  readonly series: Readonly<Record<string, string>>
  /** Minutes from the first sample to the look. */
  readonly atMinutes: number
  /** Labels of what must fire; null: silence. */
  readonly fires: Readonly<Record<string, string>> | null
}

interface Both {
  readonly fires: readonly [title: string, series: AlertCase['series'], labels?: Readonly<Record<string, string>>]
  readonly silent: readonly [title: string, series: AlertCase['series']]
  readonly atMinutes?: number
}

/** Each alone, and both under one Prometheus, where it must fire for the one installation and not for the other. */
const both = (alert: string, { fires, silent, atMinutes = 20 }: Both): AlertCase[] => [
  { alert, title: fires[0], series: fires[1], atMinutes, fires: fires[2] ?? {} },
  { alert, title: silent[0], series: silent[1], atMinutes, fires: null },
  ...parted.map(([sick, sound]) => ({
    alert,
    title: `${fires[0]}, and beside it: ${silent[0]}`,
    series: { ...labelled(fires[1], sick), ...labelled(silent[1], sound) },
    atMinutes,
    fires: { ...fires[2], ...sick },
  })),
]

/** Two scrape jobs of one Prometheus; two releases of one name. */
const parted = [
  [{ job: 'sick' }, { job: 'sound' }],
  [
    { namespace: 'sick', job: 'r-feedloop-metrics' },
    { namespace: 'sound', job: 'r-feedloop-metrics' },
  ],
] as const

const labelled = (series: AlertCase['series'], labels: Readonly<Record<string, string>>) => {
  const given = Object.entries(labels).map(([name, value]) => `${name}="${value}"`)
  return Object.fromEntries(
    Object.entries(series).map(([name, values]) => {
      const [, metric, own] = /^(\w+)(?:\{(.*)\})?$/.exec(name)!
      return [`${metric}{${[...given, ...(own ? [own] : [])]}}`, values]
    }),
  )
}

const day = 24 * 60

/** Every process shows when it last audited: most never. */
const noAudits = { 'feedloop_accounting_timestamp_seconds{pod="ranker"}': '0x500' }

/** Outcomes of which `late` in a hundred are later than ten seconds, a hundred a minute. */
const freshness = (late: number, minutes: number) => ({
  'feedloop_freshness_seconds_bucket{until="decision",le="10"}': `0+${100 - late}x${minutes}`,
  'feedloop_freshness_seconds_bucket{until="decision",le="+Inf"}': `0+100x${minutes}`,
  'feedloop_freshness_seconds_count{until="decision"}': `0+100x${minutes}`,
})

/** A slot a second, by the reward that each earns. */
const worth = (chosenBy: string, mode: string, reward: number, penalty = 0) => {
  const labels = `{policy="p",mode="${mode}",chosen_by="${chosenBy}",version="following"}`
  return {
    [`feedloop_slots_joined_total${labels}`]: '0+60x200',
    [`feedloop_slots_reward_total${labels}`]: `0+${60 * reward}x200`,
    [`feedloop_slots_penalty_total${labels}`]: `0+${60 * penalty}x200`,
  }
}

/** Nats a minute, at first and from minute 1,400 on. */
const entropies = (before: number, after: number) => ({
  'feedloop_draw_entropy_nats_total{policy="p"}': `0+${before}x1400 ${1400 * before + after}+${after}x100`,
  'feedloop_draw_entropy_limit_nats_total{policy="p"}': '0+10x1500',
})

export const alertCases: readonly AlertCase[] = [
  ...['ranker', 'joiner', 'learner', 'gate'].flatMap(stage =>
    both('StageAbsent', {
      fires: [
        `nothing says that the ${stage} runs`,
        { [`feedloop_tasks{stage="${stage}",state="recovering"}`]: '4x30' },
        { stage },
      ],
      silent: [
        'all run',
        Object.fromEntries(
          ['ranker', 'joiner', 'learner', 'gate'].map(each => [
            `feedloop_tasks{stage="${each}",state="running"}`,
            '4x30',
          ]),
        ),
      ],
    }),
  ),
  ...both('StageAbsent', {
    fires: ['all were there, and are gone', { 'feedloop_tasks{stage="gate",state="running"}': '1x10 _x20' }],
    silent: [
      'a stage with two processes, of which one goes',
      Object.fromEntries(
        ['ranker', 'joiner', 'learner', 'gate'].flatMap(each => [
          [`feedloop_tasks{stage="${each}",state="running",pod="a"}`, '4x10 _x20'],
          [`feedloop_tasks{stage="${each}",state="running",pod="b"}`, '4x30'],
        ]),
      ),
    ],
    atMinutes: 25,
  }),
  { alert: 'StageAbsent', title: 'nothing was ever there', series: {}, atMinutes: 20, fires: {} },
  ...both('GroupNotConsuming', {
    fires: [
      'records of one partition wait longer and longer, and none is taken; of the others all are',
      {
        'feedloop_lag_seconds{stage="ranker",topic="requests",partition="0"}': '0+60x30',
        'feedloop_records_consumed_total{stage="ranker",topic="requests",partition="0"}': '7000x30',
        'feedloop_records_consumed_total{stage="ranker",topic="requests",partition="1"}': '0+60x30',
        'feedloop_records_consumed_total{stage="ranker",topic="events",partition="0"}': '0+60x30',
      },
      { stage: 'ranker', topic: 'requests' },
    ],
    silent: [
      'behind, and at work',
      {
        'feedloop_lag_seconds{stage="ranker",topic="requests",partition="0"}': '0+60x30',
        'feedloop_records_consumed_total{stage="ranker",topic="requests",partition="0"}': '0+10x30',
        'feedloop_lag_seconds{stage="intake",topic="shop.clicks",partition="0"}': '0+60x30',
        'feedloop_records_consumed_total{stage="intake",topic="shop.clicks",partition="0"}': '0+10x30',
      },
    ],
  }),
  ...both('Lag', {
    fires: [
      'the oldest of one partition waits two minutes',
      {
        'feedloop_lag_seconds{stage="joiner",topic="events",partition="0"}': '0x30',
        'feedloop_lag_seconds{stage="joiner",topic="events",partition="1"}': '120x30',
      },
      { stage: 'joiner', topic: 'events' },
    ],
    silent: [
      'a minute at most, and a peak that passes',
      {
        'feedloop_lag_seconds{stage="joiner",topic="events",partition="0"}': '60x30',
        'feedloop_lag_seconds{stage="joiner",topic="events",partition="1"}': '0x15 300 300 0x20',
      },
    ],
  }),
  ...both('RecoveringLong', {
    fires: ['for twenty minutes', { 'feedloop_tasks{stage="joiner",state="recovering"}': '1x30' }, { stage: 'joiner' }],
    silent: ['for five minutes', { 'feedloop_tasks{stage="joiner",state="recovering"}': '1x5 0x30' }],
  }),
  ...both('Rivals', {
    fires: [
      'a third of the steps is lost',
      {
        'feedloop_steps_total{stage="joiner",result="accepted"}': '0+100x40',
        'feedloop_steps_total{stage="joiner",result="lost"}': '0+50x40',
      },
      { stage: 'joiner' },
    ],
    silent: [
      'one in twenty',
      {
        'feedloop_steps_total{stage="joiner",result="accepted"}': '0+100x40',
        'feedloop_steps_total{stage="joiner",result="lost"}': '0+5x40',
      },
    ],
    atMinutes: 35,
  }),
  ...both('BrokersFailing', {
    fires: ['one a second', { 'feedloop_kafka_request_failures_total{api="Produce"}': '0+60x30' }, { api: 'Produce' }],
    silent: ['three in half an hour', { 'feedloop_kafka_request_failures_total{api="Produce"}': '0+0.1x30' }],
  }),
  ...both('FreshnessBurnFast', {
    fires: ['a fifth is late for an hour', freshness(20, 100)],
    silent: ['one in two hundred is', freshness(0.5, 100)],
    atMinutes: 90,
  }),
  ...both('FreshnessBurnFast', {
    fires: ['one in fourteen is late for six hours', freshness(7, 400)],
    silent: [
      'it was bad, and is over',
      {
        'feedloop_freshness_seconds_bucket{until="decision",le="10"}': '0+80x60 4800+100x340',
        'feedloop_freshness_seconds_count{until="decision"}': '0+100x400',
      },
    ],
    atMinutes: 390,
  }),
  ...both('FreshnessBurnSlow', {
    fires: ['one in fifty is late for days', freshness(2, 3 * day + 100)],
    silent: ['one in two hundred is', freshness(0.5, 3 * day + 100)],
    atMinutes: 3 * day + 60,
  }),
  ...both('HeartbeatStale', {
    // the clock of promtool begins at 0
    fires: [
      'one partition knows of none since minute 1',
      {
        'feedloop_heartbeat_timestamp_seconds{partition="0"}': '0+60x30',
        'feedloop_heartbeat_timestamp_seconds{partition="1"}': '60x30',
      },
    ],
    silent: ['a minute old', { 'feedloop_heartbeat_timestamp_seconds{partition="0"}': '-60+60x30' }],
  }),
  ...both('HeartbeatStale', {
    fires: ['sent, and never seen', { feedloop_heartbeats_sent_total: '0+4x30' }],
    silent: ['none is sent', { feedloop_heartbeats_sent_total: '0x30' }],
  }),
  ...both('BalanceBroken', {
    fires: ['two differences', { feedloop_accounting_differences: '0x10 2x10' }],
    silent: ['none', { feedloop_accounting_differences: '0x30' }],
  }),
  ...both('AuditStale', {
    fires: ['none since the first', { 'feedloop_accounting_timestamp_seconds{pod="watch"}': '60x500', ...noAudits }],
    silent: ['one an hour', { feedloop_accounting_timestamp_seconds: '0x59 3600x59 7200x400' }],
    atMinutes: 400,
  }),
  ...both('AuditStale', {
    fires: ['who audited is gone', { 'feedloop_accounting_timestamp_seconds{pod="watch"}': '60x9 _x490', ...noAudits }],
    silent: ['nobody audits', noAudits],
    atMinutes: 400,
  }),
  ...both('DeadLetters', {
    fires: [
      'a record is refused',
      { 'feedloop_dead_letters_total{stage="ranker",code="ITEM_UNKNOWN"}': '0x10 4x10' },
      { stage: 'ranker', code: 'ITEM_UNKNOWN' },
    ],
    silent: ['some were, once', { 'feedloop_dead_letters_total{stage="ranker",code="ITEM_UNKNOWN"}': '3x30' }],
    atMinutes: 12,
  }),
  ...both('DeadLetters', {
    fires: [
      'a first one, with which the series begins',
      { 'feedloop_dead_letters_total{stage="ranker",code="ITEM_UNKNOWN"}': '_x11 1x30' },
      { stage: 'ranker', code: 'ITEM_UNKNOWN' },
    ],
    silent: ['none', {}],
    atMinutes: 13,
  }),
  ...both('LearnerRefusing', {
    fires: [
      'more and more',
      { 'feedloop_learner_refused_total{policy="p",reason="dimensions"}': '0+5x40' },
      { policy: 'p', reason: 'dimensions' },
    ],
    silent: [
      'slates as a whole; heartbeats that show one item or another',
      {
        'feedloop_learner_refused_total{policy="p",reason="slate"}': '0+5x40',
        'feedloop_learner_refused_total{policy="heartbeat",reason="evicted"}': '0+5x40',
      },
    ],
    atMinutes: 30,
  }),
  ...both('LearnerRefusing', {
    fires: [
      'most of what comes is too old',
      {
        'feedloop_learner_refused_total{policy="p",reason="stale"}': '0+60x40',
        'feedloop_learned_total{policy="p",result="learned"}': '0+100x40',
      },
      { policy: 'p', reason: 'stale' },
    ],
    silent: [
      'some of what comes is too late, and a policy does not imitate itself',
      {
        'feedloop_learner_refused_total{policy="p",reason="late_unlearned"}': '0+40x40',
        'feedloop_learner_refused_total{policy="p",reason="own_choice"}': '0+400x40',
        'feedloop_learned_total{policy="p",result="learned"}': '0+60x40',
        'feedloop_learned_total{policy="p",result="late_unlearned"}': '0+40x40',
      },
    ],
    atMinutes: 30,
  }),
  ...both('ModelRefused', {
    fires: [
      'one',
      { 'feedloop_models_refused_total{stage="gate",code="MODEL_TOO_FAR"}': '_x15 1x10' },
      { stage: 'gate', code: 'MODEL_TOO_FAR' },
    ],
    silent: ['one, long ago', { 'feedloop_models_refused_total{stage="gate",code="MODEL_TOO_FAR"}': '1x40' }],
  }),
  ...both('NoNewModel', {
    fires: [
      'joined, and not published, as others are',
      {
        ...worth('policy', 'online', 1),
        'feedloop_learner_updates_total{policy="p"}': '7x40',
        'feedloop_learner_updates_total{policy="q"}': '0+60x40',
      },
      { policy: 'p' },
    ],
    silent: ['published', { ...worth('policy', 'online', 1), 'feedloop_learner_updates_total{policy="p"}': '0+60x40' }],
    atMinutes: 30,
  }),
  ...both('LossNotFinite', {
    fires: [
      'a loss is not',
      { 'feedloop_learner_not_finite_total{policy="p",stat="loss"}': '_x15 1x10' },
      { policy: 'p' },
    ],
    silent: ['it was, long ago', { 'feedloop_learner_not_finite_total{policy="p",stat="loss"}': '1x40' }],
  }),
  ...both('LossNotFinite', {
    fires: [
      'updates are left out',
      { 'feedloop_learner_stat{policy="p",stat="refused_updates"}': '0x15 3x15' },
      { policy: 'p' },
    ],
    silent: [
      'none are; the learner began anew',
      { 'feedloop_learner_stat{policy="p",stat="refused_updates"}': '3x15 0x15' },
    ],
  }),
  ...both('EntropyCollapse', {
    fires: ['from a half to a hundredth', entropies(5, 0.1), { policy: 'p' }],
    silent: ['it always was low', entropies(0.1, 0.1)],
    atMinutes: 1450,
  }),
  ...both('EntropyCollapse', {
    fires: ['from the most to nothing', entropies(10, 0), { policy: 'p' }],
    silent: ['it fell, to what is enough', entropies(10, 2)],
    atMinutes: 1450,
  }),
  ...both('KlSpike', {
    fires: [
      'the gate: from a hundredth to one',
      { 'feedloop_gate_kl_nats{policy="p"}': '0.01x300 1x20' },
      { policy: 'p' },
    ],
    silent: ['the gate: one, always', { 'feedloop_gate_kl_nats{policy="p"}': '1x400' }],
    atMinutes: 310,
  }),
  ...both('KlSpike', {
    fires: ['the learner', { 'feedloop_learner_stat{policy="p",stat="kl"}': '0.01x300 1x20' }, { policy: 'p' }],
    silent: [
      'the learner: small and many times as much',
      { 'feedloop_learner_stat{policy="p",stat="kl"}': '0.001x300 0.1x20' },
    ],
    atMinutes: 310,
  }),
  ...both('EffectiveSampleSizeLow', {
    fires: [
      'a twentieth',
      { 'feedloop_learner_stat{policy="p",stat="effective_sample_size"}': '0.05x60' },
      { policy: 'p' },
    ],
    silent: ['a half', { 'feedloop_learner_stat{policy="p",stat="effective_sample_size"}': '0.5x60' }],
    atMinutes: 40,
  }),
  ...both('ValueBelowBaseline', {
    fires: [
      'half of it, by its penalties',
      { ...worth('policy', 'online', 0.3, 0.2), ...worth('baseline', 'apprentice', 0.2) },
      { policy: 'p' },
    ],
    silent: ['more than it', { ...worth('policy', 'online', 0.3), ...worth('baseline', 'apprentice', 0.2) }],
    atMinutes: 120,
  }),
  ...both('ValueBelowBaseline', {
    fires: [
      'by a little more than a tenth',
      { ...worth('policy', 'online', 0.17), ...worth('baseline', 'apprentice', 0.2) },
      { policy: 'p' },
    ],
    silent: ['there was no baseline', worth('policy', 'online', 0)],
    atMinutes: 120,
  }),
  ...both('VersionSkew', {
    fires: [
      'one of two rankers stands still',
      {
        'feedloop_model_version{stage="gate",policy="p"}': '100+60x30',
        'feedloop_model_version{stage="ranker",policy="p",pod="a"}': '100+60x30',
        'feedloop_model_version{stage="ranker",policy="p",pod="b"}': '100x30',
      },
      { policy: 'p' },
    ],
    silent: [
      'a minute behind, and after a rollback',
      {
        'feedloop_model_version{stage="gate",policy="p"}': '100+60x30',
        'feedloop_model_version{stage="ranker",policy="p",pod="a"}': '40+60x30',
        'feedloop_model_version{stage="gate",policy="q"}': '900x15 12x15',
        'feedloop_model_version{stage="ranker",policy="q"}': '900x15 12x15',
      },
    ],
  }),
  ...both('SlowDecisions', {
    fires: [
      'one in twenty takes more than two seconds',
      {
        'feedloop_decision_seconds_bucket{le="2"}': '0+95x40',
        'feedloop_decision_seconds_bucket{le="5"}': '0+100x40',
        'feedloop_decision_seconds_bucket{le="+Inf"}': '0+100x40',
      },
    ],
    silent: [
      'none does',
      {
        'feedloop_decision_seconds_bucket{le="2"}': '0+100x40',
        'feedloop_decision_seconds_bucket{le="5"}': '0+100x40',
        'feedloop_decision_seconds_bucket{le="+Inf"}': '0+100x40',
      },
    ],
    atMinutes: 30,
  }),
  ...both('GatewayRefusing', {
    fires: ['one a second', { 'feedloop_gateway_shed_total{reason="full"}': '0+60x30' }, { reason: 'full' }],
    silent: ['one a minute', { 'feedloop_gateway_shed_total{reason="full"}': '0+1x30' }],
  }),
  ...both('RequestsShed', {
    fires: ['one a second', { 'feedloop_requests_shed_total{answer="empty"}': '0+60x30' }, { answer: 'empty' }],
    silent: ['one a minute', { 'feedloop_requests_shed_total{answer="empty"}': '0+1x30' }],
  }),
]
