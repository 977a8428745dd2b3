import { createRoot } from 'react-dom/client';
import { App } from './app/app.tsx';
import { createStores } from './app/stores.ts';
import { applyTheme, storedTheme } from './app/theme.ts';
import './style/index.ts';

applyTheme(storedTheme());
const stores = createStores();
stores.status.start();
createRoot(document.getElementById('root')!).render(<App stores={stores} />);
