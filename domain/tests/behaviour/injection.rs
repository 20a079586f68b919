//! Which log text is taken for an order, and which is not.
