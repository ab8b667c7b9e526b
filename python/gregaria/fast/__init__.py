"""What `FastHttpSession` needs of Python: exceptions and their texts, headers, bodies, and the road for what the
engine cannot do. The session itself is in `gregaria.contrib.fasthttp`, the work in the engine."""
