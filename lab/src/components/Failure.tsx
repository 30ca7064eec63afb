/** An error in the library's own words. */
export function Failure({ error }: { readonly error: Error | undefined }) {
  return error ? (
    <p class="failure" role="alert">
      {error.message}
    </p>
  ) : null;
}
