"""Asks the service manager for properties on its private socket: exact microseconds, without a process per question."""
import os
import socket
import struct

SOCKET = "/run/systemd/private"
ALIGN = {"y": 1, "b": 4, "n": 2, "q": 2, "i": 4, "u": 4, "x": 8, "t": 8, "d": 8, "s": 4, "o": 4, "g": 1, "v": 1,
         "a": 4, "(": 8, "{": 8}
NUMBER = {"y": "B", "b": "I", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d"}


def one_type(signature, at):
    """End of the complete type that starts at `at`."""
    kind = signature[at]
    if kind == "a":
        return one_type(signature, at + 1)
    if kind in "({":
        at += 1
        while signature[at] not in ")}":
            at = one_type(signature, at)
    return at + 1


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def align(self, size):
        self.at = (self.at + size - 1) // size * size

    def text(self, size):
        value = self.data[self.at:self.at + size].decode(errors="replace")
        self.at += size + 1
        return value

    def number(self, kind):
        size = ALIGN[kind]
        self.align(size)
        value = struct.unpack_from("<" + NUMBER[kind], self.data, self.at)[0]
        self.at += size
        return value

    def value(self, signature):
        kind = signature[0]
        if kind in NUMBER:
            value = self.number(kind)
            return bool(value) if kind == "b" else value
        if kind in "so":
            return self.text(self.number("u"))
        if kind == "g":
            return self.text(self.number("y"))
        if kind == "v":
            return self.value(self.text(self.number("y")))
        if kind == "a":
            size, item = self.number("u"), signature[1:]
            self.align(ALIGN[item[0]])
            end, items = self.at + size, []
            while self.at < end:
                items.append(self.value(item))
            return dict(items) if item[0] == "{" else items
        self.align(8)
        fields, at = [], 1
        while signature[at] not in ")}":
            end = one_type(signature, at)
            fields.append(self.value(signature[at:end]))
            at = end
        return fields

    def fields(self, size):
        """The header fields of a message: pairs of code and value."""
        self.at = 8
        end, found = self.at + size, []
        while self.at < end:
            self.align(8)
            code = self.number("y")
            found.append((code, self.value("v")))
        return found


def pad(data, size):
    return data + b"\0" * (-len(data) % size)


def string(text):
    data = text.encode()
    return struct.pack("<I", len(data)) + data + b"\0"


def field(code, kind, data):
    return struct.pack("<BB", code, 1) + kind.encode() + b"\0" + data


class Refused(Exception):
    pass


class Bus:
    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(SOCKET)
        # BEGIN at once: the manager does not look at a request that arrives together with it.
        self.socket.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\nBEGIN\r\n")
        said = b""
        while not said.endswith(b"\r\n"):  # and no further: a signal may follow
            said += self.exactly(1)
        if not said.startswith(b"OK"):
            raise Refused("authentication")
        self.serial = 0

    def close(self):
        self.socket.close()

    def exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise Refused("the manager closed the connection")
            data += part
        return data

    def call(self, path, interface, member, *arguments):
        """Calls a method whose arguments are strings; returns the values of the reply."""
        self.serial += 1
        body = b""
        for argument in arguments:
            body = pad(body, 4) + string(argument)
        fields = b""
        for code, kind, data in ((1, "o", string(path)), (2, "s", string(interface)), (3, "s", string(member)),
                                 (8, "g", bytes([len(arguments)]) + b"s" * len(arguments) + b"\0")):
            fields = pad(fields, 8) + field(code, kind, data)
        head = struct.pack("<cBBBIII", b"l", 1, 0, 1, len(body), self.serial, len(fields)) + fields
        self.socket.sendall(pad(head, 8) + body)
        while True:
            start = self.exactly(16)
            kind, (size, _, fields_size) = start[1], struct.unpack_from("<III", start, 4)
            rest = self.exactly((fields_size + 7) // 8 * 8 + size)
            headers = dict(Reader(start[12:] + b"\0\0\0\0" + rest).fields(fields_size))
            if headers.get(5) != self.serial:
                continue
            signature, values = headers.get(8, ""), []
            reader, at = Reader(rest[(fields_size + 7) // 8 * 8:]), 0
            while at < len(signature):
                end = one_type(signature, at)
                values.append(reader.value(signature[at:end]))
                at = end
            if kind == 3:
                raise Refused("%s: %s" % (headers.get(4), values[0] if values else ""))
            return values

    def properties(self, path, interface):
        return self.call(path, "org.freedesktop.DBus.Properties", "GetAll", "org.freedesktop.systemd1." + interface)[0]


def unit_path(name):
    return "/org/freedesktop/systemd1/unit/" + "".join(
        letter if letter.isalnum() and letter.isascii() and not (at == 0 and letter.isdigit())
        else "_%02x" % ord(letter) for at, letter in enumerate(name))
