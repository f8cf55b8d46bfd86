/** A log of what was shown, with the propensity in `p`, and of clicks, as the mapping of `feedloop replay` reads it: columns user, shown, p, click, at. */
export const logMapping = `
outputs:
  - to: requests
    fields:
      request_id: { origin: true }
      user_id: { path: user }
      policy: { constant: default }
      slots: { constant: 1 }
      time_ms: { path: at }
      baseline: { path: shown }
      context: { entries: { p: { path: p, type: number } } }
  - to: events
    when: { path: click, in: [1] }
    fields:
      event_id: { template: 'c-{#origin}' }
      user_id: { path: user }
      item_id: { path: shown }
      type: { constant: click }
      time_ms: { path: at }
`
