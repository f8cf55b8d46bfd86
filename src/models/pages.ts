/** What is kept by row, in pages that are made once one of theirs is wanted: of a large catalogue few rows are asked for. */
export type Pages<Page> = (Page | undefined)[]

export function pageAt<Page>(pages: Pages<Page>, number: number, make: () => Page): Page {
  while (pages.length <= number) pages.push(undefined)
  pages[number] ??= make()
  return pages[number]
}
