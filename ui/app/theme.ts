export type Theme = 'dark' | 'light';

const KEY = 'sluice.theme';

/** The theme that was chosen in this browser, else the one that the system prefers. */
export function storedTheme(): Theme {
  const stored = localStorage.getItem(KEY);
  if (stored === 'dark' || stored === 'light') return stored;
  return matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark';
}

/** Puts a theme in force. Canvases read their colours when `themechange` is sent to the window. */
export function applyTheme(theme: Theme): void {
  document.documentElement.dataset['theme'] = theme;
  dispatchEvent(new Event('themechange'));
}

/** From dark to light and back; remembered by this browser. */
export function switchTheme(): void {
  const theme = document.documentElement.dataset['theme'] === 'light' ? 'dark' : 'light';
  localStorage.setItem(KEY, theme);
  applyTheme(theme);
}
