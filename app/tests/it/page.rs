//! The page, as a browser without JavaScript uses it, and as Chromium shows it.
