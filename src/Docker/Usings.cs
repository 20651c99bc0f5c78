// By name: the namespace has a GoTime of its own, and so has the client, for its own formats.
global using ByteSize = AotRuntime.EngineApi.ByteSize;
global using GoDuration = AotRuntime.EngineApi.GoDuration;
global using GoText = AotRuntime.EngineApi.GoText;
