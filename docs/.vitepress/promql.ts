/** PromQL for the highlighter, which does not know it: just what makes a query easier to read. */
export const promql = {
  name: 'promql',
  scopeName: 'source.promql',
  repository: {},
  patterns: [
    { name: 'comment.line', match: '#.*$' },
    { name: 'string.quoted', match: '"(?:[^"\\\\]|\\\\.)*"|\'(?:[^\'\\\\]|\\\\.)*\'' },
    { name: 'constant.numeric', match: '\\[[^\\]]*\\]|\\b\\d+(?:\\.\\d+)?\\b' },
    {
      name: 'keyword.control',
      match: '\\b(?:by|without|on|ignoring|group_left|group_right|and|or|unless|offset|bool)\\b',
    },
    { name: 'entity.name.function', match: '\\b[a-z_]+(?=\\s*(?:\\(|by\\b|without\\b))' },
    { name: 'variable.parameter', match: '\\b[a-zA-Z_]\\w*(?=\\s*(?:=~|!~|!=|=[^=]))' },
  ],
}
