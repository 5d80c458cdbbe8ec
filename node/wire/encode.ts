import { BinaryWriter } from "@bufbuild/protobuf/wire";

/** What generated code gives for each message. */
interface MessageType<Message> {
  encode(message: Message, writer?: BinaryWriter): BinaryWriter;
}

/** Above this a writer's buffer is let go again: one large message must not be paid for ever after. */
const KEPT_BYTES_MAX = 256 * 1024;

/** One for all messages, for growing a new one for each costs ten times the encoding. Never held across an await. */
let writer = new BinaryWriter();

/** Serialises a message, in bytes of its own. */
export function encode<Message>(type: MessageType<Message>, message: Message): Buffer {
  try {
    const bytes = type.encode(message, writer).finish();
    if (bytes.length > KEPT_BYTES_MAX) writer = new BinaryWriter();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch (thrown) {
    writer = new BinaryWriter(); // what was written of the message is in it
    throw thrown;
  }
}

/** The same, in the form in which gRPC's method definitions want it. */
export function serializerOf<Message>(type: MessageType<Message>): (message: Message) => Buffer {
  return (message) => encode(type, message);
}
