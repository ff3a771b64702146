import { Comment, Converter, ReflectionKind } from 'typedoc'

/** Shown by their names where TypeDoc writes what they stand for: `number` would not say that it is milliseconds. */
const KEPT = /^Milliseconds\b/

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    if (!reflection.kindOf(ReflectionKind.Property)) return
    keepAlias(context, reflection)
    if (isOfError(reflection)) describeErrors(reflection)
  })
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    // Errors are caught, not made.
    for (const made of project.getReflectionsByKind(ReflectionKind.Constructor)) {
      if (isOfError(made)) project.removeReflection(made)
    }
  })
  app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => {
    // A page says once where its subject is defined.
    const inner = ReflectionKind.ClassMember | ReflectionKind.TypeLiteral
    for (const member of project.getReflectionsByKind(inner)) {
      member.sources = undefined
      for (const signature of member.signatures ?? []) signature.sources = undefined
    }
  })
}

function keepAlias(context, reflection) {
  const type = context.getSymbolFromReflection(reflection)?.valueDeclaration?.type
  if (type !== undefined && KEPT.test(type.getText())) reflection.type = context.converter.convertType(context, type)
}

function isOfError(reflection) {
  return reflection.parent?.name.endsWith('Error') === true
}

/** What every error's `name` is needs no sentence in each class, and its type says its value. */
function describeErrors(reflection) {
  reflection.defaultValue = undefined
  if (reflection.name === 'name') reflection.comment ??= new Comment([{ kind: 'text', text: 'The name of the class.' }])
}
