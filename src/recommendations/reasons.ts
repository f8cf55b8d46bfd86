/** The one table of reasons: why an answer is empty, or not what it usually is. docs/ranking.md is checked against it. */
export const reasonTable = {
  expired: 'Taken up after its deadline: nothing is shown, nothing learned. Ask with a new id.',
  shed: 'Too much to do: not scored, never learned. The baseline, where the request has one.',
  empty_catalogue: 'No item may be recommended.',
  no_candidate_left: 'Of the candidates none is known and may be recommended.',
  no_baseline: 'Apprentice or logging only, and the request has no baseline to show.',
  baseline_unavailable: "Of the baseline's items none is known and may be recommended.",
  nothing_allowed: "What the slate's constraints allow is nothing.",
  pin_dropped: 'A pinned item may not be shown or is not to be had: its place was drawn.',
  floor_lowered: 'A quota could not have all that its floor says.',
  short_slate: 'Fewer items than slots.',
  scores_not_finite: 'The model scored numbers that are not finite: chosen at random.',
  new_user: 'Nothing is known of the person: decided on the context alone.',
  log_unavailable: 'The log is away: the baseline but for what is excluded or banned, no decision, never learned.',
} as const satisfies Readonly<Record<string, string>>

export type Reason = keyof typeof reasonTable
