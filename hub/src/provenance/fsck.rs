//! Recomputes everything from the stored leaves.
