/**
 * The same values in the same order, each asked for while the one before it is still being worked on. A source that fails
 * is heard of after the last value that it gave.
 */
export async function* oneAhead<T>(source: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  let next = ask(source);
  try {
    for (;;) {
      const { done, value } = await next;
      if (done === true) return;
      next = ask(source);
      yield value;
    }
  } finally {
    source.return().catch(() => {}); // it may be in the middle of something; nobody waits for that
  }
}

function ask<T>(source: AsyncGenerator<T, void>): Promise<IteratorResult<T, void>> {
  const next = source.next();
  next.catch(() => {}); // heard by whoever awaits it, which may be nobody
  return next;
}
