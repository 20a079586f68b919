//! Questions to a server that answers as it is told to.
