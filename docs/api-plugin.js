import { Comment, Converter, ReflectionKind } from 'typedoc'

/** Shown by their names where TypeDoc writes what they stand for: `number` would not say that it is milliseconds. */
const KEPT = /^Milliseconds\b/

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DECLARATION, (context, reflection) => {
    if (!reflection.kindOf(ReflectionKind.Property)) return
    keepAlias(context, reflection)
    describeName(reflection)
  })
}

function keepAlias(context, reflection) {
  const type = context.getSymbolFromReflection(reflection)?.valueDeclaration?.type
  if (type !== undefined && KEPT.test(type.getText())) reflection.type = context.converter.convertType(context, type)
}

/** What every error's `name` is needs no sentence in each class. */
function describeName(reflection) {
  if (reflection.name !== 'name' || !reflection.parent?.name.endsWith('Error')) return
  reflection.comment ??= new Comment([{ kind: 'text', text: 'The name of the class.' }])
}
