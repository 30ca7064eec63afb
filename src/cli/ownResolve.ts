/** For modules of the user's own: `cbapd` is this very copy, wherever they lie. Otherwise two copies would not know each other's models. */
type Context = { readonly parentURL?: string };

export function resolve<T>(
  specifier: string,
  context: Context,
  next: (specifier: string, context: Context) => T,
): T {
  const ours = specifier === "cbapd" || specifier.startsWith("cbapd/");
  return next(specifier, ours ? { ...context, parentURL: import.meta.url } : context);
}
