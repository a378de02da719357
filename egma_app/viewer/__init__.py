"""The film on screen: image, layers over it, tools in the hand."""
