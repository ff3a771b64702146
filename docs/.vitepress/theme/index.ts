import type { Theme } from 'vitepress'
import DefaultTheme from 'vitepress/theme'
import './style.css'

export default {
  extends: DefaultTheme,
  enhanceApp({ router }) {
    if (import.meta.env.SSR) return
    router.onAfterRouteChange = () => {
      requestAnimationFrame(markMain)
    }
  },
} satisfies Theme

/** As `transformHtml` does in the page that is loaded first. */
function markMain(): void {
  const content = document.getElementById('VPContent')
  if (content?.classList.contains('is-home')) content.setAttribute('role', 'main')
  else content?.removeAttribute('role')
}
